/** What a body that cannot be decoded throws. */
export class MalformedError extends Error {
  override readonly name = "MalformedError";
}
