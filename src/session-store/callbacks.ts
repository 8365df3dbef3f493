/** Both forms of the methods of a store: with a callback, and with a promise. */
import { inspect } from "node:util";
import { throwUncaught } from "../core/runtime.js";

/** How a store calls back, once and asynchronously: with an error, or with null and the value. */
// biome-ignore lint/suspicious/noExplicitAny: the frameworks declare the error so; it can be anything that was thrown.
export type SessionCallback<T> = (error?: any, value?: T) => void;

/**
 * Does what a method does, and passes the result to the callback, once and asynchronously; an error that the callback throws is uncaught.
 * @param call What the method does.
 * @param wrap Returns what is called instead of the callback.
 * @returns The promise when there is no callback. It may be ignored: frameworks that pass no callback do not learn of a
 *   failure, and the storage reports its troubles by the event `error`.
 * @throws TypeError, before anything is done, when the callback is given and no function.
 */
export function answer<T>(
  call: () => Promise<T>,
  given: SessionCallback<T> | undefined,
  wrap: (callback: SessionCallback<T>) => SessionCallback<T> = (callback) => callback,
): Promise<T> | undefined {
  const callback = isCallback(given) ? wrap(given) : undefined;
  const promise = call();
  if (callback === undefined) {
    promise.catch(() => {});
    return promise;
  }
  promise.then(
    (value) => callBack(() => callback(null, value)),
    (error) => callBack(() => callback(error)),
  );
  return undefined;
}

/**
 * Whether a callback is given: undefined and null are none.
 * @param expected What the message says that was expected.
 * @throws TypeError when it is no function.
 */
export function isCallback(
  callback: unknown,
  expected = "the callback to be a function",
): callback is (...results: never[]) => void {
  if (callback === undefined || callback === null) return false;
  if (typeof callback === "function") return true;
  throw new TypeError(`expected ${expected}, got ${inspect(callback).slice(0, MAX_SHOWN_CHARS)}`);
}

/** The most characters of an argument in a message. */
const MAX_SHOWN_CHARS = 80;

function callBack(call: () => void): void {
  try {
    call();
  } catch (error) {
    throwUncaught(error);
  }
}
