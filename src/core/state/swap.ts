/** Whether the value that a `SWAP` replaces is there, at its place in the log. */
import type { Entry, Swap } from "../log/entry.js";
import { presentAt } from "./edit.js";
import { shows } from "./patch.js";
import type { Slot } from "./slot.js";
import { isContainer, readJson } from "./tree.js";

/**
 * What a `SWAP` says, if it takes effect on a slot at `time`; undefined: something else is there than it expects, or the text of the
 * entry is none of a swap.
 * @param live The slot; undefined when there is none, or an expired one.
 */
export function metSwap(live: Slot | undefined, { path, json }: Entry, time: number): Swap | undefined {
  const said = readJson(json);
  if (!isSwap(said)) return undefined;
  const value = live === undefined ? undefined : presentAt(live, path, time);
  if (said.from === undefined) return value === undefined ? said : undefined;
  return value !== undefined && shows(value, live?.expiries?.find(path, path.length), said.from, time)
    ? said
    : undefined;
}

function isSwap(value: unknown): value is Swap {
  return isContainer(value) && !Array.isArray(value) && value.to !== undefined;
}
