/** What the people who run a process should know, and what stops nothing. */

/** The codes of the warnings, which `docs/bundlers-test-runners-typescript.md` and `docs/containers-and-deploys.md` explain. */
export type WarningCode = "CLUSTER_STORAGE_NO_THREADS" | "CLUSTER_STORAGE_NO_SYNC" | "CLUSTER_STORAGE_MODE";

const given = new Set<WarningCode>();

/** Emits a warning of the process, once for each code. */
export function warnOnce(code: WarningCode, message: string): void {
  if (given.has(code)) return;
  given.add(code);
  process.emitWarning(message, { code });
}
