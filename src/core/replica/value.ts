import { isError, isRangeError } from "../errors.js";
import { depthOf } from "../log/depth.js";
import { endAfter, NEVER } from "../log/entry.js";
import { MAX_DEPTH } from "../log/limits.js";

/**
 * The JSON text of what a user wants to store.
 * @param pathLength Keys of the path that it goes to: they count as levels of nesting.
 * @param maxBytes Most UTF-8 bytes of the text.
 * @throws TypeError when JSON cannot carry it, or would carry nothing of what it holds.
 * @throws RangeError when it is too long or nested deeper than `MAX_DEPTH`.
 */
export function jsonOf(value: unknown, pathLength: number, maxBytes: number): string {
  const json = textOf(value);
  if (json === undefined) throw new TypeError(`expected a value that JSON can carry, got ${kindOf(value)}`);
  if (typeof value === "object" && value !== null && !isPlain(value)) expectContents(value);
  expectFit("a value", json, maxBytes);
  const maxDepth = MAX_DEPTH - (pathLength - 1);
  if (json.length > 2 * maxDepth) checkDepth(json, maxDepth);
  return json;
}

/** @throws RangeError when a text has more than `maxBytes` UTF-8 bytes. */
export function expectFit(what: string, json: string, maxBytes: number): void {
  if (json.length * 3 <= maxBytes) return;
  const bytes = Buffer.byteLength(json);
  if (bytes > maxBytes) throw new RangeError(`expected ${what} of at most ${maxBytes} bytes, got ${bytes}`);
}

/** What to give instead of objects that are empty in JSON, by the names that the language has for them in any realm. */
const ADVICE: Readonly<Record<string, string>> = {
  Promise: "await it",
  Map: "give Object.fromEntries(map) or [...map]",
  Set: "give [...set]",
  WeakMap: "it cannot be listed",
  WeakSet: "it cannot be listed",
  Error: "give { name, message } or what you need of it",
  RegExp: "give its source",
  ArrayBuffer: "give text, such as Buffer.from(bytes).toString('base64')",
};

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === Array.prototype || prototype === null;
}

/** @throws TypeError when what a value holds is not in its JSON, which is a mistake in the call; within a value JSON decides. */
function expectContents(value: object): void {
  if (typeof (value as { toJSON?: unknown }).toJSON === "function") return;
  const kind = Object.prototype.toString.call(value).slice("[object ".length, -1);
  if (!Object.hasOwn(ADVICE, kind)) return;
  const article = /^[AE]/.test(kind) ? "an" : "a";
  throw new TypeError(`expected a value that JSON can carry, got ${article} ${kind}: ${ADVICE[kind]}`);
}

function textOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch (cause) {
    if (isRangeError(cause)) throw new RangeError(`expected a value that JSON.stringify takes`, { cause });
    const reason = bigIntIn(value) ?? (isError(cause) ? cause.message : String(cause));
    throw new TypeError(`expected a value that JSON can carry, got ${kindOf(value)}: ${reason}`, { cause });
  }
}

/** Where JSON meets a BigInt in a value, which its own message does not say; null when it meets none. */
function bigIntIn(value: unknown): string | null {
  const places = new Map<unknown, string[]>();
  let found: string | null = null;
  const look = function (this: unknown, key: string, member: unknown): unknown {
    const place = [...(places.get(this) ?? []), key];
    if (typeof member === "bigint")
      found ??= `a BigInt at ${JSON.stringify(place.slice(1))}; give a string or a number`;
    else if (typeof member === "object") places.set(member, place);
    return typeof member === "bigint" ? null : member;
  };
  try {
    JSON.stringify(value, look);
  } catch {
    return null;
  }
  return found;
}

/** What a value is, with its article, for messages. */
export function aKindOf(value: unknown): string {
  const kind = kindOf(value);
  if (kind === "null" || kind === "undefined") return kind;
  return `${/^[ao]/.test(kind) ? "an" : "a"} ${kind}`;
}

/** What a value is, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

function checkDepth(json: string, maxDepth: number): void {
  const utf8 = Buffer.from(json);
  const depth = depthOf(utf8, 0, utf8.length, maxDepth);
  if (depth > maxDepth) throw new RangeError(`expected a value nested at most ${maxDepth} deep, got ${depth}`);
}

/**
 * When something expires that is written now: {@link endAfter}.
 * @param ttl In ms; undefined, null or 0: never.
 * @param now Called only when there is a ttl.
 * @throws TypeError when it is no number.
 * @throws RangeError when it is negative or not finite.
 */
export function expiryOf(ttl: number | null | undefined, now: () => number): number {
  if (ttl === undefined || ttl === null || ttl === 0) return NEVER;
  if (typeof ttl !== "number") throw new TypeError(`expected a ttl as a number of ms, got ${kindOf(ttl)}`);
  if (!(ttl >= 0 && ttl < Infinity)) throw new RangeError(`expected a ttl of 0 ms or more, got ${ttl}`);
  return endAfter(ttl, now());
}
