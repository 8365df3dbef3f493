/**
 * Which members are there: each one listens on `member.<id>` in the directory as long as its process lives. A socket that refuses is
 * the one proof that its process has ended, in any namespace of process ids: unless it was bound through another file system, whose
 * sockets refuse here in any case. One that is missing, or out of reach, proves nothing.
 */
import { codeOf } from "../../errors.js";
import { bestEffort } from "../disk/file-access.js";
import { socketPath } from "../disk/file-names.js";
import { isThroughOther, originMark } from "../machine/address.js";
import type { Held } from "../machine/healing.js";
import type { Listener, Machine, Pin, Place } from "../machine/machine.js";
import { MovedError, named } from "../machine/pinned-files.js";
import { encodeHeld } from "../wire/healing-messages.js";

const MEMBER_NAME = /^member\.([0-9a-f]+)$/;
const MARK_DIGITS = 16;
/** Looks at the seat between two looks at the own socket. */
const LOOKS = 3;

/** A name for a new member, which no other one has. It ends with an {@link originMark}. */
export function newMember(machine: Machine, place: Place): string {
  const { bootId } = machine.identity;
  return machine.random(8).toString("hex") + originMark(bootId, deviceOf(machine, place) ?? "unknown");
}

/** Undefined when that is not known. */
const deviceOf = ({ files }: Machine, place: Place): string | undefined =>
  bestEffort(() => files.deviceOf(place.directory));

/** The name of a member's socket in the directory. */
export const nameOf = (member: string): string => `member.${member}`;

/** Whether a text is the name of a member: only then is its socket a file in the directory. */
export const isMember = (text: string): boolean => membersIn([nameOf(text)]).length > 0;

/** The path of a member's socket. */
export const memberPath = (place: Place, member: string): string => socketPath(place, nameOf(member));

/** The members that have a socket among the names of a directory. */
export const membersIn = (names: readonly string[]): string[] =>
  names.flatMap((name) => MEMBER_NAME.exec(name)?.slice(1) ?? []);

/** What is known of the process of a member. */
export type Life =
  | "alive"
  | "ended"
  /** It has no socket: it has left, or somebody removed the name. */
  | "missing"
  /** Its socket is out of reach. */
  | "unknown";

/** Asks the socket of a member; calls back once, later. */
export function askForLife(machine: Machine, place: Place, member: string, done: (life: Life) => void): void {
  const { sockets } = machine;
  let isDone = false;
  const finish = (life: Life) => {
    if (isDone) return;
    isDone = true;
    done(life);
  };
  const socket = sockets.connect(place.directory, nameOf(member), {
    connected: () => {
      socket.destroy();
      finish("alive");
    },
    data: () => {},
    closed: (error) => finish(lifeOf(machine, place, member, codeOf(error))),
  });
}

/** What the failure of a connection to a member says. */
export function lifeOf(machine: Machine, place: Place, member: string, code: string): Life {
  if (code === "ECONNREFUSED") {
    const device = deviceOf(machine, place);
    if (device === undefined) return "unknown";
    const own = originMark(machine.identity.bootId, device);
    return isThroughOther(member.slice(-MARK_DIGITS), own) ? "unknown" : "ended";
  }
  if (code === "ENOENT") return "missing";
  // More connections wait than its process has taken.
  return code === "EAGAIN" ? "alive" : "unknown";
}

/** What is known of members; null: their sockets could not be listed. */
export type Lives = ReadonlyMap<string, Life> | null;

/** Asks all members that have a socket, but one; calls back once, later. */
export function askAll(machine: Machine, place: Place, own: string, done: (lives: Lives) => void): void {
  const names = bestEffort(() => machine.files.list(place.directory));
  const members = membersIn(names ?? []).filter((member) => member !== own);
  const lives = new Map<string, Life>();
  if (members.length === 0) machine.clock.soon(() => done(names === undefined ? null : lives));
  for (const member of members) {
    askForLife(machine, place, member, (life) => {
      lives.set(member, life);
      if (lives.size === members.length) done(lives);
    });
  }
}

/** A directory in which a member listens. */
interface Home {
  readonly pin: Pin;
  readonly listener: Listener;
}

/**
 * The socket of this member. To each connection it says what this member holds of the log, and ends it.
 *
 * Invariants:
 *
 * 1. It listens in the very directories that it has entered, whatever is at the path now: in the last one and in the one before. So a
 *    directory that was moved away, and is back, holds no name that refuses although its member lives.
 * 2. What this member holds is said only in the directory at the path: there it would claim the seat. A contender waits for a member that
 *    holds more.
 */
export class MemberSocket {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #member: string;
  readonly #held: () => Held | null;
  /** The last one first. */
  #homes: readonly Home[] = [];
  /** Called when it has entered; empty while it does not. */
  #entering: ((error: Error | null) => void)[] = [];
  #lookCount = 0;
  #wasThere = false;
  /** Null until it leaves. */
  #left: { readonly isKnown: boolean } | null = null;

  /** @param held What this member holds, and could write again as the manager; null: nothing. */
  constructor(machine: Machine, place: Place, member: string, held: () => Held | null) {
    this.#machine = machine;
    this.#place = place;
    this.#member = member;
    this.#held = held;
  }

  /** Whether it has entered the directory that is at the path now, and its name is still there. */
  get isThere(): boolean {
    const { pin } = this.#home ?? {};
    return bestEffort(() => pin?.files.modifiedAt(memberPath(this.#place, this.#member))) !== undefined;
  }

  /** Whether it has entered the directory that is at the path now. */
  get isHere(): boolean {
    return this.#home !== undefined;
  }

  get #home(): Home | undefined {
    return this.#homes.find(({ pin }) => this.#isAtPath(pin));
  }

  /**
   * Called at each look at the seat. Listens again when its name was removed. It does not follow the path to another directory: the
   * member enters that when it looks for a manager there.
   */
  look(): void {
    if (++this.#lookCount % LOOKS === 0 && this.isHere && !this.isThere) this.enter(() => {});
  }

  /**
   * Listens in the directory at the path, also when it did before and its name was removed, or the directory moved. Calls back once, later,
   * unless it is left before; without an error it is here.
   */
  enter(done: (error: Error | null) => void): void {
    if (this.#left !== null || this.#entering.push(done) > 1) return;
    const { files, sockets, clock } = this.#machine;
    const { directory } = this.#place;
    let pin: Pin;
    try {
      // The last member may just have removed the directory.
      files.makeDirectory(directory);
      pin = files.pin(directory);
    } catch (error) {
      clock.soon(() => this.#entered(error as Error, null));
      return;
    }
    sockets.listen(
      pin.directory,
      nameOf(this.#member),
      (socket) => {
        const held = this.#isAtPath(pin) ? this.#held() : null;
        if (held !== null) socket.write([encodeHeld(held)]);
        socket.end();
        return { data: () => {}, closed: () => {} };
      },
      (error, listener) => {
        if (error !== null) pin.close();
        this.#entered(named(error, pin.directory, directory), error === null ? { pin, listener } : null);
      },
    );
  }

  #entered(failure: Error | null, home: Home | null): void {
    const error = home === null || this.#isAtPath(home.pin) ? failure : new MovedError(this.#place.directory);
    const entering = this.#entering;
    this.#entering = [];
    // A member that was never there has written nothing.
    const isNew = !this.#wasThere;
    if (home !== null) {
      this.#wasThere = true;
      const [before] = this.#homes.filter(({ pin }) => pin.id !== home.pin.id);
      this.#keep(before ? [home, before] : [home]);
    }
    if (this.#left === null) for (const done of entering) done(error);
    else this.leave(this.#left.isKnown || isNew);
  }

  /** Whether a directory that is held is at the path, as far as that is known. */
  #isAtPath(pin: Pin): boolean {
    try {
      pin.files.modifiedAt(this.#place.directory);
      return true;
    } catch (error) {
      if (codeOf(error) === "") throw error;
      return !(error instanceof MovedError);
    }
  }

  /** Stops listening elsewhere. */
  #keep(homes: readonly Home[]): void {
    for (const home of this.#homes) {
      if (homes.includes(home)) continue;
      home.listener.close();
      home.pin.close();
    }
    this.#homes = homes;
  }

  /**
   * Stops listening.
   * @param isKnown Whether the log needs not note that this member has left; else the name stays and refuses, and the next manager
   *   notes it.
   */
  leave(isKnown: boolean): void {
    this.#left ??= { isKnown };
    const { pin } = this.#home ?? {};
    // In a directory that was moved, its log notes nothing: the name stays.
    if (isKnown) bestEffort(() => pin?.files.unlink(memberPath(this.#place, this.#member)));
    this.#keep([]);
  }
}
