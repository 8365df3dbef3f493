/**
 * What a hub's own member holds while no member is connected: before the hub serves, and once it has closed all connections. The
 * member stands still then. If the files cannot be read, it writes them again.
 */
import { codeOf, errorOf } from "../../errors.js";
import { bestEffort } from "../disk/file-access.js";
import { damageIn } from "../disk/file-errors.js";
import type { Seat } from "../election/seat.js";
import type { FileReport, HealOrder } from "../machine/healing.js";
import type { Folded, HubReport, HubRequest, Machine, Position, Timer } from "../machine/machine.js";
import { isEndOfLog, placeAfter } from "../upkeep/held-end.js";
import { removeCovered, removeStrays } from "../upkeep/removal.js";
import type { Hub } from "./hub.js";

/** How often, and after how many ms, a member is asked that has not taken in yet what was sent to it last. */
const TRIES = 20;
const TRY_MS = 50;

/**
 * The end of a heal.
 * @param all The snapshot that holds all that this log has; null: what has failed can be tried again.
 */
type Done = (error: Error | null, all: Folded | null) => void;

/**
 * Invariants:
 *
 * 1. What is asked for is all that was ever confirmed up to a place where a segment begins or the log ends. The seat is held, and no
 *    file shows that the log goes on after it in an epoch before.
 * 2. One order is asked for in the life of a hub, so a heal that does not help is not tried again.
 */
export class HeldState {
  readonly #machine: Machine;
  readonly #request: HubRequest;
  readonly #directoryId: string;
  readonly #report: (report: HubReport) => void;
  #seat: Seat | null = null;
  #hub: Hub | null = null;
  /** The segments that follow what is asked for. */
  #kept: readonly Position[] = [];
  #isLeaving = false;
  /** Whether its own member was connected when the hub left. */
  #isOwnLive = false;
  #order: HealOrder | null = null;
  #done: Done | null = null;
  #triesLeft = TRIES;
  #again: Timer | null = null;

  /** @param directoryId {@link Pin.id} of the directory of the hub. */
  constructor(machine: Machine, request: HubRequest, directoryId: string, report: (report: HubReport) => void) {
    this.#machine = machine;
    this.#request = request;
    this.#directoryId = directoryId;
    this.#report = report;
  }

  claimed(seat: Seat): void {
    this.#seat = seat;
  }

  serves(hub: Hub): void {
    this.#hub = hub;
  }

  leaves(): void {
    this.#isLeaving = true;
    this.#isOwnLive = this.#hub?.isLive(this.#request.member) ?? false;
  }

  /**
   * Lets the member write what it holds, if an error says that files are damaged. `done` is called once, later: then the snapshot is
   * on the disk, and what it covers of the epochs before is removed; or with an error.
   * @returns false when that cannot help.
   */
  heal(error: unknown, done: Done): boolean {
    if (this.#order !== null || codeOf(error) !== "ERR_STORAGE_CORRUPT") return false;
    this.#order = bestEffort(() => this.#held()) ?? null;
    if (this.#order === null) return false;
    this.#done = done;
    this.#report({ kind: "damaged", message: damageIn((error as Error).message) });
    this.#ask();
    return true;
  }

  answer(report: FileReport): void {
    if (this.#done === null || report.seq !== this.#order?.seq) return;
    if (report.kind === "healed") this.#healed(this.#order, report.bytes);
    else if (report.kind === "failed") this.#over(errorOf(report), null);
    else if (report.kind === "declined" && --this.#triesLeft > 0)
      this.#again = this.#machine.clock.after(TRY_MS, () => this.#ask());
    else if (report.kind === "declined")
      this.#over(new Error("expected a member that holds the state, got none"), null);
  }

  stop(): void {
    this.#again?.cancel();
    this.#done = null;
  }

  /** Keeps invariant 1; null when the member holds nothing, or perhaps not all. */
  #held(): HealOrder | null {
    if (!this.#seat?.holds()) return null;
    const { epoch } = this.#seat;
    const { place, position, time: clock } = this.#request;
    if (this.#hub === null) {
      if (position === null) return null;
      const { seq, time, history } = position;
      if (seq === 0 || history === undefined) return null;
      return isEndOfLog(this.#machine, place, position) ? { epoch, seq, time, history, clock } : null;
    }
    const { confirmed, history, isSettled, everything } = this.#hub.writer;
    if (!this.#isLeaving || !isSettled) return null;
    if (this.#isOwnLive)
      return { epoch, seq: confirmed.seq, time: confirmed.time, history, clock: everything.clock ?? null };
    // A member that takes the seat only to hand it on never connects: it holds what was before one of the segments.
    if (position === null || position.seq === 0 || position.history !== history) return null;
    const from = placeAfter(this.#machine, place, everything.segments, position.seq);
    if (from === -1) return null;
    this.#kept = everything.segments.slice(from);
    return { epoch, seq: position.seq, time: position.time, history, clock };
  }

  #ask(): void {
    this.#report({ kind: "heal", order: this.#order as HealOrder, directoryId: this.#directoryId });
  }

  #healed({ epoch, seq }: HealOrder, bytes: number): void {
    const { files } = this.#machine;
    const { place } = this.#request;
    bestEffort(() => removeCovered(files, place, seq, []));
    bestEffort(() => removeStrays(files, place, epoch, this.#kept));
    this.#report({ kind: "healed" });
    const writer = this.#hub?.writer ?? null;
    const isAll = writer?.confirmed.seq === seq;
    if (!isAll) writer?.beginsAfter(seq, bytes, this.#kept.slice(0, -1));
    this.#over(null, isAll ? { snapshot: seq, bytes } : null);
  }

  #over(error: Error | null, all: Folded | null): void {
    const done = this.#done;
    this.#done = null;
    done?.(error, all);
  }
}
