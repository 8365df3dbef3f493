/** The first byte of an entry: what it does, and which fields it has. `FORMAT.md` shows the bits. */
import { ADD, CLEAR, DELETE, EXPIRE, LEFT, LEVEL, LIMIT, PATCH, PUBLISH, SET, SLOT, SWAP } from "./entry.js";
import { MAX_STAMPED_COUNT } from "./stamps.js";

/** The type: its lower three bits, and its fourth one beside the flags. */
const TYPE_MASK = 0b0100_0111;
export const CONDITION_SHIFT = 3;
/** The condition of a `SET`. A second bit beside it is reserved for conditions to come. */
export const CONDITION_MASK = 0b0000_1000;
/** The name of the field that gets a stamp follows the keys. */
export const STAMP_FLAG = 0b0001_0000;
export const EXPIRY_FLAG = 0b0010_0000;
/** The bits that any entry may have. */
const KNOWN_BITS = TYPE_MASK | EXPIRY_FLAG;

/** The operations that a batch may hold, a bit each, those that a snapshot may, and those that make containers. */
export const BATCH_TYPES =
  (1 << SET) |
  (1 << DELETE) |
  (1 << EXPIRE) |
  (1 << ADD) |
  (1 << CLEAR) |
  (1 << PATCH) |
  (1 << LEFT) |
  (1 << LEVEL) |
  (1 << LIMIT) |
  (1 << SWAP) |
  (1 << PUBLISH);
export const STATE_TYPES = (1 << SLOT) | (1 << SET) | (1 << EXPIRE);
export const MAKING_TYPES = (1 << SET) | (1 << ADD) | (1 << LIMIT) | (1 << SWAP);

const JSON_TYPES = (1 << SET) | (1 << SLOT) | (1 << PATCH) | (1 << LIMIT) | (1 << SWAP) | (1 << PUBLISH);

/** The bits that the head of an entry may have, at its index in a frame. */
export function bitsOf(type: number, index: number, isBatch: boolean): number {
  const hasStamp = isBatch && (type === SET || type === PATCH) && index < MAX_STAMPED_COUNT;
  return KNOWN_BITS | (type === SET ? CONDITION_MASK : 0) | (hasStamp ? STAMP_FLAG : 0);
}

export const typeIn = (head: number): number => (head & 0b111) | ((head >> 3) & 0b1000);

export const typeBits = (type: number): number => (type & 0b111) | ((type & 0b1000) << 3);

/** Whether entries of a type have a JSON text. */
export function hasJson(type: number): boolean {
  return ((JSON_TYPES >> type) & 1) === 1;
}

/** Whether entries of a type have an amount. */
export function hasAmount(type: number): boolean {
  return type === ADD || type === LIMIT;
}
