/** Opens a damaged storage as a manager does, and judges the result. */
import assert from "node:assert/strict";
import { highestEpoch, newestSeat, Seat } from "../../../dist/core/local/election/seat.js";
import type { LogPosition } from "../../../dist/core/local/machine/machine.js";
import type { Lost } from "../../../dist/core/local/upkeep/intact-frames.js";
import type { Recovered } from "../../../dist/core/local/upkeep/recovery.js";
import { removeStrays } from "../../../dist/core/local/upkeep/removal.js";
import { DELETE, SET } from "../../../dist/core/log/entry.js";
import { kindOf, STATE } from "../../../dist/core/log/frame.js";
import { entriesOf, load, machineOf, place, statesUpTo } from "../../core/local/disk/stored.js";
import { seatContent } from "../../core/local/machine/manual-machine.js";
import type { MemoryFiles } from "../../core/local/machine/memory-files.js";
import { recoverForHub } from "../../core/local/upkeep/at-once.js";
import type { Damage } from "./bytes-damage.js";
import type { Frame, Stored } from "./bytes-storages.js";

const STATES = statesUpTo(25);
const CONTENT = seatContent();
const REFUSALS = ["ERR_STORAGE_CORRUPT", "ERR_STORAGE_FORMAT"];

export const MODES = ["strict", "salvage", "mark"] as const;
export type Mode = (typeof MODES)[number];

interface Opened {
  /** What a salvage gave up; null: there was none. */
  readonly lost: readonly Lost[] | null;
  readonly recovered: Recovered;
  readonly seq: number;
  /** The state, as text. */
  readonly text: string;
}

/** What a manager that takes the seat finds, and a member that joins it reads. */
export function open(files: MemoryFiles, recover: "strict" | "salvage", mark: LogPosition | null): Opened {
  const machine = machineOf(files);
  newestSeat(machine, place);
  const seat = Seat.claim(machine, place, highestEpoch(machine, place) + 1, CONTENT);
  assert(seat, "expected the seat, since no other process wants it");
  try {
    seat.fence();
    let lost: readonly Lost[] | null = null;
    const recovered = recoverForHub(machine, place, seat.epoch, { recover }, mark, null, (found) => {
      lost = found;
    });
    const read = mark === null ? load(files, recovered) : { seq: recovered.seq, text: "" };
    removeStrays(files, place, seat.epoch, recovered.segments);
    return { recovered, lost, ...read };
  } finally {
    seat.release();
    assert.equal(files.openFiles.size, 0, "files are left open");
  }
}

/** Opens in one mode, and throws when the result is not allowed. Returns a word for the result. */
export function judge(stored: Stored, damage: Damage, mode: Mode): string {
  const files = stored.files.afterCrash();
  damage.apply(files);
  const before = files.afterCrash();
  if (mode === "salvage") return judgeSalvage(stored, damage, before, files);
  const mark = mode === "mark" ? stored.mark : null;
  let opened: Opened;
  try {
    opened = open(files, "strict", mark);
  } catch (error) {
    expectRefusal(damage, error);
    const isOld = !damage.paths.includes(stored.last);
    assert(!(mark && isOld), `old damage stops a member that holds everything: ${(error as Error).stack}`);
    return "refused";
  }
  if (mark !== null) return judgeTail(stored, before, opened);
  const { seq, text } = opened;
  assert.equal(text, STATES[seq], `a wrong state at seq ${seq}`);
  assert(seq <= stored.seq, `seq ${seq} was never there`);
  expectNothingBehind(stored, before, seq);
  return seq === stored.seq ? "whole" : "shortened";
}

function expectRefusal({ paths }: Damage, error: unknown): void {
  const { code = "", message, stack } = error as NodeJS.ErrnoException;
  assert(REFUSALS.includes(code), `another error than it should be: ${stack}`);
  assert(
    message.includes("is missing") || paths.some((path) => message.includes(path)),
    `the message names none of ${paths}: ${message}`,
  );
}

/** A member that holds all goes on from there, unless the end itself is damaged. */
function judgeTail(stored: Stored, before: MemoryFiles, { seq }: Opened): string {
  assert(seq <= stored.seq, `seq ${seq} was never there`);
  expectNothingBehind(stored, before, seq);
  return seq === stored.seq ? "whole" : "shortened";
}

/** A log may end early only where nothing that was written later is left. */
function expectNothingBehind(stored: Stored, files: MemoryFiles, seq: number): void {
  if (isIntact(files, stored.snapshotPath, stored))
    assert(seq >= stored.snapshot, `a whole snapshot of ${stored.snapshot} is left out`);
  const left = stored.frames.find((frame) => frame.seq > seq && holds(files, frame));
  assert(left === undefined, `ends at seq ${seq}, and batch ${left?.seq} is whole in ${left?.path}`);
}

function isIntact(files: MemoryFiles, path: string, stored: Stored): boolean {
  const content = stored.files.names.get(path)?.content;
  return content !== undefined && files.names.get(path)?.content.equals(content) === true;
}

/** Whether a file still has one of its frames, anywhere. */
function holds(files: MemoryFiles, { path, bytes }: Frame): boolean {
  return files.names.get(path)?.content.includes(bytes) === true;
}

function judgeSalvage(stored: Stored, damage: Damage, before: MemoryFiles, files: MemoryFiles): string {
  let opened: Opened;
  try {
    opened = open(files, "salvage", null);
  } catch (error) {
    expectRefusal(damage, error);
    assert.equal((error as NodeJS.ErrnoException).code, "ERR_STORAGE_FORMAT", (error as Error).stack);
    return "refused";
  }
  const { lost, text } = opened;
  if (lost === null) {
    assert.equal(text, STATES[opened.seq], `a wrong state at seq ${opened.seq}`);
    expectNothingBehind(stored, before, opened.seq);
    return opened.seq === stored.seq ? "whole" : "shortened";
  }
  assert.deepEqual(valuesIn(text), expected(stored, before), "not what is intact");
  for (const { file } of lost) {
    const name = file.slice(file.lastIndexOf("/") + 1);
    const aside = files
      .list(place.directory)
      .find((found) => found.startsWith("corrupt.") && found.endsWith(`.${name}`));
    const content = before.names.get(file)?.content;
    assert(content?.equals(files.get(`${place.directory}/${aside}`)), `${file} is not kept aside`);
  }
  return "salvaged";
}

/** The values by key; without the count, which adds up what is left. */
function valuesIn(text: string): Record<string, string> {
  const slots = (JSON.parse(text) as string[]).map((slot) => slot.split(" "));
  return Object.fromEntries(
    slots.map(([key = "", ...json]) => [key, json.join(" ")]).filter(([key]) => key !== "count"),
  );
}

/** Whether a segment of its epoch has a batch, also when that is not the one that it was written to. */
function isFound(files: MemoryFiles, { path, bytes }: Frame): boolean {
  const epoch = path.slice(0, path.lastIndexOf(".") + 1);
  return [...files.names].some(([name, { content }]) => name.startsWith(epoch) && content.includes(bytes));
}

/** What is intact, computed the naive way: the snapshot if its entries are whole, and every whole batch in the order of the log. */
function expected(stored: Stored, files: MemoryFiles): Record<string, string> {
  const entries = stored.frames.find(({ path, bytes }) => path === stored.snapshotPath && kindOf(bytes, 0) === STATE);
  const values = entries && holds(files, entries) ? valuesIn(STATES[stored.snapshot] as string) : {};
  const batches = stored.frames.filter((frame) => frame.seq > 0 && isFound(files, frame));
  for (const { seq } of batches.sort((a, b) => a.seq - b.seq)) {
    for (const { type, path, json } of entriesOf(seq)) {
      const [key = ""] = path as string[];
      if (type === SET) values[key] = JSON.stringify({ value: JSON.parse(json) });
      else if (type === DELETE) delete values[key];
    }
  }
  return values;
}
