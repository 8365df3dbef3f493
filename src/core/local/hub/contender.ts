/** How a hub gets the seat and the log: it claims, fences, asks the other members what they hold, and reads. */

import type { Steps } from "../disk/steps.js";
import { OtherMembers } from "../election/other-members.js";
import { Seat, seatContent } from "../election/seat.js";
import type { Held } from "../machine/healing.js";
import type { HubReport, HubRequest, Machine, Pin } from "../machine/machine.js";
import { removedFrom } from "../upkeep/held-end.js";
import { describeLost } from "../upkeep/intact-frames.js";
import { type Recovered, recoverForHub } from "../upkeep/recovery.js";
import { PROTOCOL } from "../wire/messages.js";
import { isVoid } from "./last-member.js";

/**
 * Invariants:
 *
 * 1. It fences before it reads the log, so it reads all that any manager before it confirms.
 * 2. It takes over no log of which another member has said that it holds more.
 */
export class Contender {
  readonly #machine: Machine;
  readonly #request: HubRequest;
  readonly #pin: Pin;
  readonly #report: (report: HubReport) => void;
  readonly #others: OtherMembers;
  readonly token: string;
  /** The sockets of those that it has fenced. */
  fenced: readonly string[] = [];
  #isOpen = true;

  /** @param pin The directory of the storage. */
  constructor(machine: Machine, request: HubRequest, pin: Pin, report: (report: HubReport) => void) {
    this.#machine = machine;
    this.#request = request;
    this.#pin = pin;
    this.#report = report;
    this.#others = new OtherMembers(machine, request.place);
    this.token = machine.random(32).toString("hex");
  }

  /** Whether other members have the storage open, or may have. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether the files do not persist, and belong to nobody. */
  get isVoid(): boolean {
    return !this.#isOpen && !this.#request.options.persist;
  }

  /** Claims the seat; null when another process was first. @param socket The name of the hub's socket. */
  claim(socket: string): Seat | null {
    const { place, epoch } = this.#request;
    const content = seatContent(this.#machine, place, { socket, token: this.token, protocol: PROTOCOL });
    return Seat.claim(this.#machine, place, epoch + 1, content);
  }

  /** Fences the managers before it, and asks the other members. @param answered Called once, later, unless it is stopped. */
  fence(seat: Seat, answered: () => void): void {
    const { position, member } = this.#request;
    this.fenced = seat.fence();
    // However long the reading takes, others see that this contender is alive, and its own process that it gets on.
    this.#pin.files.used = () => seat.refreshIfDue() && this.#report({ kind: "reading" });
    this.#others.ask(member, () => {
      this.#isOpen = position !== null || !isVoid(this.#others.lives);
      answered();
    });
  }

  /** Reads the log to its end. @throws the errors of {@link recoverForHub}. */
  *recover(): Steps<Recovered> {
    const { place, epoch, options, position } = this.#request;
    const machine = this.#machine;
    const removed = position && removedFrom(machine, place, position);
    if (removed) throw removed;
    const how = this.isVoid ? ({ recover: "salvage" } as const) : options;
    return yield* recoverForHub(machine, place, epoch + 1, how, position, this.#others.most, (lost) => {
      if (!this.isVoid) this.#report({ kind: "salvaged", message: describeLost(lost) });
    });
  }

  /**
   * Decides whether it may go on with what it has read; where something may have been cut from that, members that have not answered yet
   * get some time.
   * @param found What was read; null: the files are corrupt, and its own member alone is left.
   * @param decided Called once, perhaps at once, unless it is stopped.
   */
  compare(found: Recovered | null, decided: (isBehind: boolean) => void): void {
    const { epoch, position } = this.#request;
    // A manager before this one may have died before it wrote anything.
    const isDoubtful = found === null || found.isTorn || (found.seq === 0 && epoch > 0);
    const log: Pick<Held, "seq" | "history"> = found ?? { history: "", seq: 0, ...position };
    this.#others.holdMore(log, isDoubtful, () => this.#pin.files.used?.(), decided);
  }

  /** It reads no more. */
  stop(): void {
    this.#pin.files.used = null;
    this.#others.stop();
  }
}
