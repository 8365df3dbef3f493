/** Callbacks or promises: whichever the caller wants. */

/** How a store calls back: with an error, or with null and the value. Called once, and later. */
// biome-ignore lint/suspicious/noExplicitAny: as the frameworks declare it: whatever somebody has thrown.
export type SessionCallback<T> = (error?: any, value?: T) => void;

/**
 * Gives what a promise comes to: to the callback, once, later, and where an error that it throws is its own; or as the promise.
 * @returns The promise, when there is no callback. Whoever leaves it alone is not told of a failure, as frameworks do that
 *   pass no callback; the storage tells by its event `error` when it has trouble.
 */
export function answer<T>(promise: Promise<T>, callback: SessionCallback<T> | undefined): Promise<T> | undefined {
  if (typeof callback !== "function") {
    promise.catch(() => {});
    return promise;
  }
  promise.then(
    (value) => process.nextTick(callback, null, value),
    (error) => process.nextTick(callback, error),
  );
  return undefined;
}
