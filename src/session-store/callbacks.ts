/** Both forms of the methods of a store: with a callback, and with a promise. */
import { throwUncaught } from "../core/runtime.js";

/** How a store calls back, once and asynchronously: with an error, or with null and the value. */
// biome-ignore lint/suspicious/noExplicitAny: the frameworks declare the error so; it can be anything that was thrown.
export type SessionCallback<T> = (error?: any, value?: T) => void;

/**
 * Passes the result of a promise to the callback, once and asynchronously; an error that the callback throws is uncaught.
 * @returns The promise when there is no callback. It may be ignored: frameworks that pass no callback do not learn of a
 *   failure, and the storage reports its troubles by the event `error`.
 */
export function answer<T>(promise: Promise<T>, callback: SessionCallback<T> | undefined): Promise<T> | undefined {
  if (typeof callback !== "function") {
    promise.catch(() => {});
    return promise;
  }
  promise.then(
    (value) => callBack(() => callback(null, value)),
    (error) => callBack(() => callback(error)),
  );
  return undefined;
}

function callBack(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwUncaught(error);
  }
}
