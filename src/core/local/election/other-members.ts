/** What the other members hold of the log: each of them says that to whoever connects to its socket. */
import { codeOf } from "../../errors.js";
import { FrameSplitter } from "../../log/frame.js";
import { bestEffort } from "../disk/file-access.js";
import type { Held } from "../machine/healing.js";
import type { Machine, Place, Socket, Timer } from "../machine/machine.js";
import { isHeld } from "../upkeep/held-end.js";
import { isProtocolBreach } from "../wire/frame-connection.js";
import { decodeHeld } from "../wire/healing-messages.js";
import { type Life, type Lives, lifeOf, membersIn, nameOf } from "./member-socket.js";

/** How long, in ms, members have to answer; most do so within one. */
const ANSWER_MS = 30;
/** How long, in ms, and how often more, they have where it is doubtful whether the files hold everything. */
const WAIT_MS = 100;
const WAITS = 25;
/** Longest frame of a member that says what it holds. */
const MAX_HELD_BYTES = 1024;

/**
 * Asks all other members once. The event loop of an application may be busy, and a process frozen, so an answer can take long: it is
 * waited for where the files look as if something was cut from them.
 *
 * Invariant: `#silent` are the members that may still answer.
 */
export class OtherMembers {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #silent = new Map<string, Socket>();
  #lives: Map<string, Life> | null = null;
  /** Members of which it is not known yet whether they live. That is known soon, also of a process that is frozen. */
  #unknownCount = 0;
  #most: Held | null = null;
  #waitsLeft = WAITS;
  #deadline: Timer | null = null;
  #done = (): void => {};

  constructor(machine: Machine, place: Place) {
    this.#machine = machine;
    this.#place = place;
  }

  /** Which of them live; null: they could not be listed. */
  get lives(): Lives {
    return this.#lives;
  }

  /** The longest log that any of them has said to hold; null: none has. */
  get most(): Held | null {
    return this.#most;
  }

  /** Asks them. Calls back once, later: what is known then is what most decisions need. @param own The member that asks. */
  ask(own: string, done: () => void): void {
    const { files } = this.#machine;
    const names = bestEffort(() => files.list(this.#place.directory));
    const members = membersIn(names ?? []).filter((member) => member !== own);
    if (names !== undefined) this.#lives = new Map();
    this.#unknownCount = members.length;
    for (const member of members) this.#ask(member);
    this.#whenAnswered(ANSWER_MS, done);
  }

  /**
   * Whether any of them holds more than what was found in the files: a seq, and the id of its history.
   * @param isDoubtful Whether something may have been cut from the files. Then those that have not answered yet get some time.
   * @param waits Called some times a second until it is decided.
   * @param decided Called once, perhaps at once.
   */
  holdMore(
    found: Pick<Held, "seq" | "history">,
    isDoubtful: boolean,
    waits: () => void,
    decided: (holdMore: boolean) => void,
  ): void {
    const most = this.#most;
    const isSame = found.seq === 0 || found.history === most?.history;
    if (most !== null && most.seq > found.seq && isSame && isHeld(this.#machine, this.#place, most)) decided(true);
    else if (!isDoubtful || this.#haveAnswered || --this.#waitsLeft < 0) decided(false);
    else
      this.#whenAnswered(WAIT_MS, () => {
        waits();
        this.holdMore(found, isDoubtful, waits, decided);
      });
  }

  get #haveAnswered(): boolean {
    return this.#silent.size === 0;
  }

  /** Calls back once, later: when all have answered that can, or `ms` from now. */
  #whenAnswered(ms: number, done: () => void): void {
    const { clock } = this.#machine;
    this.#done = done;
    this.#deadline = clock.after(ms, () => (this.#unknownCount === 0 ? this.#end() : this.#whenAnswered(ms, done)));
    if (this.#haveAnswered) clock.soon(() => this.#end());
  }

  /** Nobody is asked any more, and nothing is called back. */
  stop(): void {
    this.#deadline?.cancel();
    this.#deadline = null;
    for (const socket of this.#silent.values()) socket.destroy();
    this.#silent.clear();
  }

  #ask(member: string): void {
    const { sockets } = this.#machine;
    const frames = new FrameSplitter(MAX_HELD_BYTES);
    const socket = sockets.connect(this.#place.directory, nameOf(member), {
      connected: () => this.#is(member, "alive"),
      data: (chunk) => {
        if (!this.#isCutOff(frames, chunk)) socket.destroy();
      },
      closed: (error) => {
        if (!this.#lives?.has(member)) this.#is(member, lifeOf(this.#machine, this.#place, member, codeOf(error)));
        this.#silent.delete(member);
        if (this.#haveAnswered) this.#end();
      },
    });
    this.#silent.set(member, socket);
  }

  #is(member: string, life: Life): void {
    this.#lives?.set(member, life);
    this.#unknownCount--;
  }

  /** Whether the rest of an answer is still to come. What is no answer counts for nothing. */
  #isCutOff(frames: FrameSplitter, chunk: Buffer): boolean {
    let isCutOff = true;
    try {
      frames.push(chunk, (buffer, start, end) => {
        isCutOff = false;
        const held = decodeHeld(buffer, start, end);
        if (held.seq > (this.#most?.seq ?? 0)) this.#most = held;
        return false;
      });
    } catch (error) {
      if (!isProtocolBreach(error)) throw error;
      return false;
    }
    return isCutOff;
  }

  #end(): void {
    if (this.#deadline === null) return;
    this.#deadline.cancel();
    this.#deadline = null;
    this.#done();
  }
}
