/** What is stored in the measurements. */

const USER = { name: "x", age: 41 };
const ROLES = ["reader", "writer"];

/**
 * An object of 90 bytes of JSON, for an `n` of five digits. Written out, since to copy another object with `...` costs as
 * much as JSON.stringify of it.
 */
export const smallOf = (n) => ({ user: USER, roles: ROLES, since: 1700000000000, n });

/** 90 bytes of JSON. */
export const SMALL = smallOf(10_000);

/** 1,000 keys. */
export const KEYS = Array.from({ length: 1_000 }, (_, index) => `key${index}`);

/** An object of about 90 bytes of JSON that differs for each index. */
export const userAt = (index) => ({
  user: { name: `name ${index}`, age: index % 100 },
  roles: ["reader", "writer"],
  since: 1e12 + index,
  on: true,
});

/** Bytes that one of the small objects takes at most, and what is kept free for it and for the rest. */
const ITEM_BYTES = 110;
const ROOM_BYTES = 160;

/** An object of exactly so many bytes of JSON, at least 40: a list of small objects and a text. */
export function objectOf(bytes) {
  const value = { list: [], rest: "", n: 10_000 };
  for (let left = bytes - ROOM_BYTES; left > 0; left -= ITEM_BYTES) value.list.push(userAt(value.list.length));
  value.rest = "x".repeat(bytes - JSON.stringify(value).length);
  return value;
}

/** A text of 98 characters, 100 bytes as JSON, that differs for each index. */
export const textAt = (index) => String(index).padStart(98, "value ");
