/** Errors that a case throws on purpose in a callback, which no one catches. */

/** What a case throws in a callback. */
export class ThrownOnPurpose extends Error {
  constructor() {
    super("thrown in a callback on purpose");
  }
}

/** Whether uncaught errors can be kept from the test runner: somebody else may have taken them already. */
export function canTakeUncaught(): boolean {
  return !process.hasUncaughtExceptionCaptureCallback();
}

/**
 * Runs a function while uncaught errors do not reach the test runner.
 * @throws an uncaught error that was not thrown on purpose.
 */
export async function takingUncaught(run: () => Promise<void>): Promise<void> {
  const foreign: unknown[] = [];
  const take = (error: unknown): void => {
    if (!(error instanceof ThrownOnPurpose)) foreign.push(error);
  };
  const listeners = process.listeners("unhandledRejection");
  process.removeAllListeners("unhandledRejection");
  process.on("unhandledRejection", take);
  process.setUncaughtExceptionCaptureCallback(take);
  try {
    await run();
  } finally {
    process.setUncaughtExceptionCaptureCallback(null);
    process.off("unhandledRejection", take);
    for (const listener of listeners) process.on("unhandledRejection", listener);
  }
  if (foreign.length > 0) throw foreign[0];
}
