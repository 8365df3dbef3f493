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
import type { Listener, Machine, Place } from "../machine/machine.js";
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

/** The socket of this member. To each connection it says what this member holds of the log, and ends it. */
export class MemberSocket {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #member: string;
  readonly #held: () => Held | null;
  #listener: Listener | null = null;
  #isEntering = false;
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

  /** Whether it listens, under a name that is still there. */
  get isThere(): boolean {
    if (this.#listener === null) return false;
    const { files } = this.#machine;
    return bestEffort(() => files.modifiedAt(memberPath(this.#place, this.#member))) !== undefined;
  }

  /** Called at each look at the seat. Listens again when its name was removed. */
  look(): void {
    if (++this.#lookCount % LOOKS === 0 && !this.isThere) this.enter(() => {});
  }

  /** Listens, also when it did before and its name was removed. Calls back once, later, unless it is left before. */
  enter(done: (error: Error | null) => void): void {
    if (this.#isEntering || this.#left !== null) return;
    this.#isEntering = true;
    const { files, sockets, clock } = this.#machine;
    try {
      // The last member may just have removed the directory.
      files.makeDirectory(this.#place.directory);
    } catch (error) {
      clock.soon(() => this.#entered(error as Error, null, done));
      return;
    }
    sockets.listen(
      this.#place.directory,
      nameOf(this.#member),
      (socket) => {
        const held = this.#held();
        if (held !== null) socket.write([encodeHeld(held)]);
        socket.end();
        return { data: () => {}, closed: () => {} };
      },
      (error, listener) => this.#entered(error, listener, done),
    );
  }

  #entered(error: Error | null, listener: Listener | null, done: (error: Error | null) => void): void {
    this.#isEntering = false;
    // A member that was never there has written nothing.
    const isNew = !this.#wasThere;
    if (error === null) {
      this.#wasThere = true;
      this.#listener?.close();
      this.#listener = listener;
    }
    if (this.#left !== null) this.leave(this.#left.isKnown || isNew);
    else done(error);
  }

  /**
   * Stops listening.
   * @param isKnown Whether the log needs not note that this member has left; else the name stays and refuses, and the next manager
   *   notes it.
   */
  leave(isKnown: boolean): void {
    this.#left ??= { isKnown };
    if (this.#listener === null) return;
    this.#listener.close();
    this.#listener = null;
    if (isKnown) bestEffort(() => this.#machine.files.unlink(memberPath(this.#place, this.#member)));
  }
}
