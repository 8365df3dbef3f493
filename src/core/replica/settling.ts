/** What the promise of a write comes to. */
import { StorageError } from "../errors.js";
import type { Entry } from "../log/entry.js";
import { MAX_ARRAY_LENGTH } from "../log/limits.js";
import { NOT_A_NUMBER, TOO_FAR } from "../state/executor.js";
import type { Op } from "./op.js";
import type { Tables } from "./tables.js";
import { aKindOf } from "./value.js";

/** Why the log refused a batch that waited longer than its origin is remembered. */
export function forgottenError(): StorageError {
  return new StorageError(
    "ERR_STORAGE_EXPIRED",
    "expected a write to reach the log while its origin was remembered, got one that may have been applied or not: that can no longer be known; read and write again",
  );
}

/** The error of a write that would make an array too long. */
export function tooFar(entry: Entry): RangeError {
  return new RangeError(
    `expected an index below ${MAX_ARRAY_LENGTH} where a path makes an array longer, got ${JSON.stringify(entry.path)}; for ids, use an array path of strings, as in ["users", "4711"]: it makes objects where no array is yet`,
  );
}

/** Settles the promise of an op with what it came to at its place in the log. */
export function settle(op: Op, isForgotten: boolean, tables: Tables): void {
  if (op.promised === null) return;
  if (isForgotten) op.promised.reject(forgottenError());
  else if (op.status === TOO_FAR) op.promised.reject(tooFar(op.entry));
  else if (op.status === NOT_A_NUMBER) {
    const message = `expected a number at ${JSON.stringify(op.entry.path)} whose sum with ${op.entry.amount} is finite, got ${addend(op.entry, tables)}`;
    op.promised.reject(new StorageError("ERR_STORAGE_NOT_A_NUMBER", message));
  } else if (op.status === 0) {
    const message =
      "expected to see a write at its place in the log, got a snapshot that covers it; the write took effect, but its result is not known";
    op.promised.reject(new StorageError("ERR_STORAGE_EXPIRED", message));
  } else op.promised.resolve(op);
}

/** What an `ADD` cannot add to, for its message; a later write may already have replaced it. */
function addend({ path, amount }: Entry, { shown, now }: Tables): string {
  const found = shown.get(path, now);
  if (typeof found !== "number") return found === undefined ? "something else" : aKindOf(found);
  return Number.isFinite(found + amount) ? "something else" : `${found}`;
}
