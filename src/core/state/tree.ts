/**
 * JSON values as trees: reading their members, freezing and copying their containers.
 *
 * Invariants:
 * 1. Below a frozen container everything is frozen, and nothing is unread.
 * 2. A frozen container is never changed: a write copies that one level and continues in the copy.
 * 3. Only own properties are read, and none is ever written through a prototype.
 */

/** An array or an object. */
export type Container = Record<string, unknown>;

/** The text of a container that has not been read yet. It occurs in unfrozen containers only. */
export class Unread {
  readonly json: string;

  constructor(json: string) {
    this.json = json;
  }

  toJSON(): unknown {
    return readJson(this.json);
  }
}

/** The value of a JSON text; `null` for a text that is not JSON, which only a faulty member writes: all members then hold the same. */
export function readJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return null;
  }
}

/** The value of a JSON text; a container is parsed when it is read. */
export function unread(json: string): unknown {
  const first = json.charCodeAt(0);
  return first === 0x7b || first === 0x5b ? new Unread(json) : readJson(json);
}

export function isContainer(value: unknown): value is Container {
  return typeof value === "object" && value !== null;
}

/** Nothing but this module freezes, so what cannot be extended is frozen; this test does not look at the members. */
export function isFrozen(container: Container): boolean {
  return !Object.isExtensible(container);
}

/** Whether a key is `0`, `1`, `2`, ... without leading zeros. */
export function isIndex(key: string): boolean {
  const length = key.length;
  if (length === 0 || (length > 1 && key.charCodeAt(0) === 0x30)) return false;
  for (let at = 0; at < length; at++) {
    const unit = key.charCodeAt(at);
    if (unit < 0x30 || unit > 0x39) return false;
  }
  return true;
}

/** The member of a container, read if it was not yet; undefined when there is none. An array's `length` is no member. */
export function memberOf(container: Container, key: string): unknown {
  if (!Object.hasOwn(container, key)) return undefined;
  if (key === "length" && Array.isArray(container)) return undefined;
  const member = container[key];
  if (!(member instanceof Unread)) return member;
  const value = member.toJSON();
  putMember(container, key, value);
  return value;
}

/** As `memberOf`, but an element of an array that is `null` counts as absent. */
export function presentMemberOf(container: Container, key: string): unknown {
  const member = memberOf(container, key);
  return member === null && Array.isArray(container) ? undefined : member;
}

/** What lodash's `get` finds under one key: a member, the length of an array or a string, a character. */
export function propertyOf(value: unknown, key: string): unknown {
  if (isContainer(value)) return key === "length" && Array.isArray(value) ? value.length : memberOf(value, key);
  if (typeof value !== "string") return undefined;
  if (key === "length") return value.length;
  return isIndex(key) ? value[Number(key)] : undefined;
}

/** Puts a member into an unfrozen container, as plain data whatever the key. The key of an array is an index. */
export function putMember(container: Container, key: string, value: unknown): void {
  if (key in Object.prototype) {
    Object.defineProperty(container, key, { value, writable: true, enumerable: true, configurable: true });
  } else {
    container[key] = value;
  }
}

/** An unfrozen copy of one level; the members are shared. */
export function copyOf(container: Container): Container {
  return Array.isArray(container) ? (container.slice() as unknown as Container) : { ...container };
}

/** Freezes a value and all below it. */
export function freeze(value: unknown): void {
  if (!isContainer(value) || isFrozen(value)) return;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index++) {
      if (value[index] instanceof Unread) value[index] = value[index].toJSON();
      freeze(value[index]);
    }
  } else {
    for (const key of Object.keys(value)) freeze(memberOf(value, key));
  }
  Object.freeze(value);
}

/** The value of a JSON text, frozen with all below it. */
export function readFrozen(json: string): unknown {
  const value = readJson(json);
  freeze(value);
  return value;
}

/** The elements of an array as members of an object. The array is frozen first, so that both can share them. */
export function objectOf(array: Container): Container {
  freeze(array);
  return { ...array };
}

/**
 * About how many characters the JSON of a value has; stops counting above `limit`.
 */
export function weigh(value: unknown, limit: number): number {
  if (value instanceof Unread) return value.json.length;
  if (typeof value === "string") return value.length + 3;
  if (!isContainer(value)) return 6;
  let weight = 2;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length && weight <= limit; index++) weight += weigh(value[index], limit - weight);
    return weight;
  }
  for (const key in value) {
    weight += key.length + 4 + weigh(value[key], limit - weight);
    if (weight > limit) break;
  }
  return weight;
}
