import { aKindOf, expectFit, jsonOf, kindOf } from "./value.js";

/** What a patch asks for besides its changes. */
export interface PatchOptions {
  /** In ms: the new expiry of the object; null or 0: none; undefined: its expiry stays. */
  readonly ttl?: number | null | undefined;
  /** What fields must be before. */
  readonly match?: unknown;
}

const OPTIONS = ["ttl", "match"];

/** @throws TypeError when these are no options of a patch. */
export function checkPatchOptions(options: PatchOptions): PatchOptions {
  if (typeof options !== "object") {
    const ttl = typeof options === "number" ? options : 60_000;
    throw new TypeError(`expected options such as { ttl: ${ttl} }, got ${aKindOf(options)}`);
  }
  for (const key of Object.keys(expectPlain(options, "options"))) {
    if (!OPTIONS.includes(key)) throw new TypeError(`expected one of the options ${OPTIONS.join(", ")}, got ${key}`);
  }
  return options;
}

/**
 * The JSON text of a patch.
 * @param changes New values by field; undefined: the field is removed.
 * @param match Values by field; undefined: nothing must match.
 * @param pathLength Keys of the path of the object.
 * @param maxBytes Most UTF-8 bytes of the text.
 * @throws TypeError when one of the two is no plain object, a field is `__proto__`, or JSON cannot carry a value.
 * @throws RangeError when the text is too long or a value in it nested too deep.
 */
export function patchJsonOf(changes: unknown, match: unknown, pathLength: number, maxBytes: number): string {
  const textOf = (value: unknown) => jsonOf(value, pathLength + 1, maxBytes);
  const set: string[] = [];
  const remove: string[] = [];
  for (const [field, value] of fieldsOf(changes, "changes")) {
    const name = JSON.stringify(field);
    if (value === undefined) remove.push(name);
    else set.push(`${name}:${textOf(value)}`);
  }
  const matched = match === undefined ? [] : fieldsOf(match, "match");
  const parts: string[] = [];
  if (set.length > 0) parts.push(`"set":{${set.join()}}`);
  if (remove.length > 0) parts.push(`"remove":[${remove.join()}]`);
  if (matched.length > 0) {
    parts.push(`"match":{${matched.map(([field, value]) => `${JSON.stringify(field)}:${textOf(value)}`).join()}}`);
  }
  const json = `{${parts.join()}}`;
  expectFit("a patch", json, maxBytes);
  return json;
}

function fieldsOf(value: unknown, what: string): [field: string, value: unknown][] {
  const fields = Object.entries(expectPlain(value, what));
  if (fields.some(([field]) => field === "__proto__")) {
    throw new TypeError(`expected no "__proto__" among the fields of ${what}, got one`);
  }
  return fields;
}

/** Objects of any realm are plain when their prototype is the last one, or when they have none. */
function expectPlain(value: unknown, what: string): object {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError(`expected ${what} as a plain object, got ${kindOf(value)}`);
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== null && Object.getPrototypeOf(prototype) !== null) {
    throw new TypeError(`expected ${what} as a plain object, got one of class ${value.constructor?.name}`);
  }
  return value;
}
