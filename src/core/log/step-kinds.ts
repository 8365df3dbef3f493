/**
 * What the steps of a path are where a container has to be made for them, and how an entry says so.
 *
 * It matters for steps whose text is an index, and only where nothing or a primitive is: inside an object every step is a key,
 * and inside an array such a step is an index.
 */

/** A step whose text is an index makes an array, as in lodash. */
export const BY_TEXT = 0;
/** Each step makes an object. */
export const AS_KEYS = 1;

/**
 * Which steps after the first one make an object although their text is an index: none, all, or those whose bits are 1. The bit of
 * the step at `depth` is bit `depth & 7` of byte `depth >> 3`.
 */
export type StepKinds = typeof BY_TEXT | typeof AS_KEYS | Uint8Array;

/** In the number of keys of an entry: all steps are keys of an object. */
const AS_KEYS_FLAG = 0x8000;
/** In the number of keys of an entry: the bits of its steps follow. */
const BITS_FLAG = 0x4000;

/** Whether the step at `depth` makes an object, whatever its text. */
export function isKeyStep(kinds: StepKinds, depth: number): boolean {
  if (typeof kinds === "number") return kinds === AS_KEYS;
  return (((kinds[depth >> 3] as number) >> (depth & 7)) & 1) === 1;
}

/** The bits of steps; `isKey` is called with the depth of each but the first. */
export function kindBits(stepCount: number, isKey: (depth: number) => boolean): Uint8Array {
  const bits = new Uint8Array(bitBytesOf(stepCount));
  for (let depth = 1; depth < stepCount; depth++) {
    if (isKey(depth)) bits[depth >> 3] = (bits[depth >> 3] as number) | (1 << (depth & 7));
  }
  return bits;
}

function bitBytesOf(stepCount: number): number {
  return (stepCount + 7) >> 3;
}

/** Writes the number of keys of an entry and the kinds of its steps; returns where they end. */
export function writeCount(buffer: Buffer, stepCount: number, kinds: StepKinds, at: number): number {
  if (typeof kinds === "number") {
    return buffer.writeUInt16LE(kinds === AS_KEYS ? stepCount | AS_KEYS_FLAG : stepCount, at);
  }
  buffer.writeUInt16LE(stepCount | BITS_FLAG, at);
  buffer.set(kinds, at + 2);
  return at + 2 + kinds.length;
}

/** The number of keys in what `writeCount` has written. */
export function countIn(counted: number): number {
  return counted & ~(AS_KEYS_FLAG | BITS_FLAG);
}

/** How many bytes of bits follow what `writeCount` has written. */
export function bitBytesIn(counted: number): number {
  return (counted & BITS_FLAG) === 0 ? 0 : bitBytesOf(countIn(counted));
}

/**
 * The kinds of the steps of an entry; null when its bytes contradict each other.
 * @param bits Those that follow, `bitBytesIn` of them.
 */
export function kindsIn(counted: number, bits: Uint8Array): StepKinds | null {
  const isAsKeys = (counted & AS_KEYS_FLAG) !== 0;
  if (bits.length === 0) return isAsKeys ? AS_KEYS : BY_TEXT;
  const lastUsed = (countIn(counted) - 1) & 7;
  const hasUnknownBits = ((bits[0] as number) & 1) !== 0 || (bits.at(-1) as number) >> (lastUsed + 1) !== 0;
  return isAsKeys || hasUnknownBits ? null : new Uint8Array(bits);
}
