import toPath from "lodash/toPath.js";
import type { Path } from "../log/entry.js";
import { MAX_DEPTH, MAX_KEY_BYTES } from "../log/limits.js";
import { AS_KEYS, BY_TEXT, kindBits, type StepKinds } from "../log/step-kinds.js";
import { isIndex } from "./tree.js";

/** Parsed strings that one generation of the cache holds; two generations are kept. */
const CACHE_PATHS = 8192;
/** Longest string that is cached: paths that are made of what users send must not take more memory than the data. */
const MAX_CACHED_CHARS = 256;

/**
 * Invariant: both maps hold valid, frozen paths by the string of at most `MAX_CACHED_CHARS` that they were parsed from, at
 * most `CACHE_PATHS` each.
 * When the young generation is full it becomes the old one, so paths that are used stay and the others are dropped.
 */
let young = new Map<string, Path>();
let old = new Map<string, Path>();

/**
 * Where a value is: a lodash path, or an array of keys that are taken as they are. Where a container has to be made, a string in
 * an array is a key of an object, and a number an index.
 */
export type UserPath = string | readonly (string | number)[];

/**
 * The keys of a path, the first one being the top-level key. The array is never changed afterwards.
 * @param path A lodash path (`"a.b[0].c"`) or an array of keys, which are taken as they are; `kindsOf` says what they make.
 * @param hasKey Whether a top-level key exists: one that equals the whole string takes precedence, as in lodash.
 * @throws TypeError when it is no path, is empty, or names `__proto__` below the top level.
 * @throws RangeError when it has more than `MAX_DEPTH` keys or a key of more than `MAX_KEY_BYTES` bytes.
 * @example
 * parsePath("a.b[0]", () => false) // ["a", "b", "0"]
 * parsePath(["a.b", 0], () => false) // ["a.b", "0"]
 */
export function parsePath(path: UserPath, hasKey: (key: string) => boolean): Path {
  if (typeof path !== "string") return fromArray(path);
  if (isOneKey(path)) return checked([path]);
  const known = young.get(path);
  if (hasKey(path)) return checked([path]);
  return known ?? parsed(path);
}

/**
 * What the steps of a path are where containers have to be made: in an array path a string is a key of an object, and a number
 * an index; in a string a step is what its text looks like.
 * @param keys What `parsePath` made of it.
 */
export function kindsOf(path: UserPath, keys: Path): StepKinds {
  if (typeof path === "string") return BY_TEXT;
  let keyStepCount = 0;
  let indexCount = 0;
  for (let depth = 1; depth < keys.length; depth++) {
    if (!isIndex(keys[depth] as string)) continue;
    if (typeof path[depth] === "string") keyStepCount++;
    else indexCount++;
  }
  if (keyStepCount === 0) return BY_TEXT;
  return indexCount === 0 ? AS_KEYS : kindBits(keys.length, (depth) => typeof path[depth] === "string");
}

function isOneKey(path: string): boolean {
  if (path.includes(".")) return false;
  const bracket = path.indexOf("[");
  return bracket < 0 || !path.includes("]", bracket);
}

function parsed(text: string): Path {
  const path = old.get(text) ?? parsedAnew(text);
  if (text.length > MAX_CACHED_CHARS) return path;
  if (young.size >= CACHE_PATHS) {
    old = young;
    young = new Map();
  }
  young.set(text, path);
  return path;
}

function parsedAnew(text: string): Path {
  const keys = toPath(text);
  return Object.freeze(checked(keys.length > 0 ? keys : [text]));
}

function fromArray(path: unknown): Path {
  if (!Array.isArray(path)) throw new TypeError(`expected a path as a string or an array of keys, got ${kindOf(path)}`);
  if (path.length === 0) throw new TypeError("expected a path of at least one key, got an empty array");
  const keys = new Array<string>(path.length);
  for (let depth = 0; depth < keys.length; depth++) keys[depth] = keyOf(path[depth]);
  return checked(keys);
}

function keyOf(key: unknown): string {
  if (typeof key === "string") return key;
  if (typeof key === "number" && Number.isFinite(key)) return Object.is(key, -0) ? "-0" : String(key);
  throw new TypeError(`expected a key as a string or a finite number, got ${kindOf(key)}`);
}

function kindOf(value: unknown): string {
  return value === null || typeof value === "number" ? String(value) : typeof value;
}

function checked(keys: string[]): string[] {
  if (keys.length > MAX_DEPTH) throw new RangeError(`expected a path of at most ${MAX_DEPTH} keys, got ${keys.length}`);
  for (let depth = 0; depth < keys.length; depth++) {
    const key = keys[depth] as string;
    if (depth > 0 && key === "__proto__") throw new TypeError('expected no "__proto__" below the top level, got one');
    if (key.length * 3 > MAX_KEY_BYTES) checkBytes(key);
  }
  return keys;
}

/** A key that UTF-8 cannot carry (lone surrogates) travels as UTF-16. */
function checkBytes(key: string): void {
  const bytes = key.isWellFormed() ? Buffer.byteLength(key) : key.length * 2;
  if (bytes > MAX_KEY_BYTES) throw new RangeError(`expected a key of at most ${MAX_KEY_BYTES} bytes, got ${bytes}`);
}
