/**
 * What goes wrong in a storage at run time. Mistakes in a call are `TypeError` and `RangeError` instead.
 */
export class StorageError extends Error {
  name = "StorageError";
  /** Which failure it is; documented in `docs/errors.md`. */
  code;
  /**
   * @param code Which failure it is.
   * @param message What was expected and what came, and what can be done.
   * @param options `cause`: the error that caused this one.
   */
  constructor(code, message, options) {
    super(message, options);
    this.code = code;
  }
}
/** The error with the code and message of one that was caught in another thread or process. */
export function errorOf({ code, message }) {
  if (code.startsWith("ERR_STORAGE_")) return new StorageError(code, message);
  return Object.assign(new Error(message), { code });
}
/** The `code` of an error, as `ENOENT` or `ERR_STORAGE_CORRUPT`; empty when it has none. */
export function codeOf(error) {
  const code = error?.code;
  return typeof code === "string" ? code : "";
}
//# sourceMappingURL=errors.js.map
