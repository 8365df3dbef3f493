/** What `assert` throws: the log or the code breaks an invariant, and the state cannot be trusted any further. */
export class InvariantError extends Error {
  override readonly name = "InvariantError";
}

/** @throws InvariantError unless `isTrue`. */
export function assert(isTrue: boolean, message: string): asserts isTrue {
  if (!isTrue) throw new InvariantError(message);
}
