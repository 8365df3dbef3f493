/** Entries executed on contents that are in no table. */
import type { Entry } from "../log/entry.js";
import { isKeyStep, kindBits, type StepKinds } from "../log/step-kinds.js";
import { Executor, type Outcome, type SlotStore, type Status } from "./executor.js";
import { Slot } from "./slot.js";

/** Where contents are kept; null: there is nothing. */
export interface Holder {
  contents: Slot | null;
}

/** A store that has the same slot under every key. */
class OneSlot implements SlotStore {
  slot: Slot | undefined;

  get(): Slot | undefined {
    return this.slot;
  }

  put(_key: string, _slot: Slot | undefined, next: Slot | undefined): void {
    this.slot = next;
  }

  setText(_key: string, json: string): void {
    if (this.slot === undefined) this.slot = new Slot(json, null);
    else this.slot.reset(json, null);
  }

  settle(): void {}
}

const executor = new Executor(() => new OneSlot());

/**
 * Does what an entry says to the contents that an object has at the first `depth` keys of its path; the containers of those
 * are live at `time`.
 */
export function executeOn(holder: Holder, entry: Entry, depth: number, time: number, outcome?: Outcome): Status {
  const { contents } = holder;
  executor.slots.slot = contents ?? undefined;
  const status = executor.execute(depth === 1 ? entry : entryBelow(entry, depth), time, false, outcome);
  // A `DELETE` removes a slot also when it is expired, but not a member of a container.
  const isKept = depth > 1 && executor.slots.slot === undefined && contents?.isExpired(time) === true;
  holder.contents = isKept ? contents : (executor.slots.slot ?? null);
  executor.slots.slot = undefined;
  return status;
}

/** The entry as one that addresses what is at the first `depth` keys of its path as a top-level key. */
function entryBelow(entry: Entry, depth: number): Entry {
  const path = [entry.path[0] as string, ...entry.path.slice(depth)];
  return { ...entry, path, kinds: kindsBelow(entry.kinds, path.length, depth) };
}

function kindsBelow(kinds: StepKinds, stepCount: number, depth: number): StepKinds {
  return typeof kinds === "number" ? kinds : kindBits(stepCount, (step) => isKeyStep(kinds, step + depth - 1));
}
