/** What is asked of a member about damaged files, and what it answers. */
import type { TimeNote } from "./clock.js";

/** What a member is asked to write: the state that it holds when it gets this. */
export interface HealOrder {
  /** The epoch of the hub. */
  readonly epoch: number;
  /** The seq and the log time of that state. */
  readonly seq: number;
  readonly time: number;
  /** The id of the history. */
  readonly history: string;
  /** What time it is; null when that is not known. */
  readonly clock: TimeNote | null;
}

/** What a member holds of the log: all up to a seq. */
export interface Held {
  /** The epoch of the segment in which that ends. */
  readonly epoch: number;
  readonly seq: number;
  /** The id of the history. */
  readonly history: string;
}

/** What a member reports to its hub. */
export type FileReport =
  /** It writes what it was asked for, and gets on. */
  | { readonly kind: "writing"; readonly seq: number }
  /** It is written, on the disk, and has its name. */
  | { readonly kind: "healed"; readonly seq: number; readonly bytes: number }
  /** It holds no whole state of that seq. */
  | { readonly kind: "declined"; readonly seq: number }
  /** It could not be written. */
  | { readonly kind: "failed"; readonly seq: number; readonly code: string; readonly message: string }
  /** The files that it reads are damaged. It waits until they are healed. It holds the state at that seq; 0: none. */
  | { readonly kind: "damaged"; readonly seq: number; readonly message: string };

/** A hub that has no members, not yet or not any more, asks its own one for the state that it holds. */
export interface HealRequest {
  readonly kind: "heal";
  readonly order: HealOrder;
  /** {@link Pin.id} of the directory of the hub. */
  readonly directoryId: string;
}
