/** Paths as a user gives them, and what an entry says of them, found the simple way. */
import type { StepKinds } from "../../../dist/core/log/step-kinds.js";

/** A string has dots and no brackets. */
export type GivenPath = string | (string | number)[];

export function keysOf(path: GivenPath): string[] {
  return typeof path === "string" ? path.split(".") : path.map(String);
}

/** Each string of an array is a key; a number, and each step of a string, is what its text looks like. */
export function stepKindsOf(path: GivenPath): StepKinds {
  if (typeof path === "string") return 0;
  const bits = new Uint8Array(Math.ceil(path.length / 8));
  path.forEach((step, depth) => {
    if (depth > 0 && typeof step === "string") bits[depth >> 3] = (bits[depth >> 3] as number) + 2 ** (depth & 7);
  });
  return bits;
}

/** The same of what an entry says: whether each of its steps is a key of an object. */
export function areKeySteps(kinds: StepKinds, stepCount: number): boolean[] {
  return Array.from({ length: stepCount }, (_, depth) =>
    typeof kinds === "number" ? kinds === 1 : ((kinds[depth >> 3] as number) & (2 ** (depth & 7))) > 0,
  );
}
