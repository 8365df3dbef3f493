/**
 * All members of a hub. What is sent to them in a turn goes out in two rounds: first to everybody what all are to see, then
 * to each what only he is to know: that his batches are confirmed. So nobody learns of a write before it is on its way to all.
 */
import { BARRIER, CENSUS, encodeFrame, LEAVE } from "../../log/frame.js";
import type { Clock, Socket, SocketEvents } from "../machine/machine.js";
import { HubMember } from "./member.js";

/** Members that have not proved themselves yet; more are turned away. */
const MAX_GREETINGS = 64;

/** Who a hub is. */
export interface HubIdentity {
  /** What members prove themselves with. */
  readonly token: string;
  /** The member in whose process it runs. */
  readonly member: string;
}

/** What the members of an audience tell the hub. */
export interface HubMembersEvents {
  batch(member: HubMember, buffer: Buffer, start: number, end: number): void;
  /** Something is to be sent at the end of this turn. */
  stirred(): void;
}

export class HubMembers {
  readonly #clock: Clock;
  readonly #identity: HubIdentity;
  readonly #maxBacklogBytes: number;
  readonly #events: HubMembersEvents;
  readonly #members = new Set<HubMember>();
  #greeted: HubMember[] = [];
  #emptied: (() => void) | null = null;
  #isClosed = false;
  #hasCensus = false;
  #isPaused = false;

  /** @param maxBacklogBytes Bytes on their way to a member beyond which it is dropped. */
  constructor(clock: Clock, identity: HubIdentity, maxBacklogBytes: number, events: HubMembersEvents) {
    this.#clock = clock;
    this.#identity = identity;
    this.#maxBacklogBytes = maxBacklogBytes;
    this.#events = events;
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** Whether somebody waits for a welcome or for the answer to a barrier. */
  get isAsking(): boolean {
    if (this.#greeted.length > 0) return true;
    for (const member of this.#members) if (member.barriers.length > 0) return true;
    return false;
  }

  /** Whether any other than the hub's own member gets live frames. */
  get hasOthers(): boolean {
    for (const member of this.#members) if (member.isLive && !this.#isOwn(member)) return true;
    return false;
  }

  /** Takes a new connection. */
  accept(socket: Socket): SocketEvents {
    const [member, events] = HubMember.accept(socket, this.#identity.token, this.#clock, {
      greeted: (greeted) => {
        this.#dropOlder(greeted);
        this.#greeted.push(greeted);
        this.#events.stirred();
      },
      batch: (origin, buffer, start, end) => this.#events.batch(origin, buffer, start, end),
      barrier: (asking, number) => {
        asking.barriers.push(number);
        this.#events.stirred();
      },
      left: (leaving) => {
        leaving.confirms.push(encodeFrame(LEAVE, {}));
        this.#hasCensus = true;
        this.#events.stirred();
      },
      closed: (gone) => this.#closed(gone),
    });
    let greetingCount = 0;
    for (const other of this.#members) if (other.hello === null) greetingCount++;
    if (this.#isClosed || greetingCount >= MAX_GREETINGS) member.drop();
    else this.#members.add(member);
    return events;
  }

  /** Makes those who proved themselves live; the frames are the first ones that they get. */
  welcome(frames: () => readonly Buffer[]): void {
    const greeted = this.#greeted.filter((member) => !member.isClosed);
    this.#greeted = [];
    if (greeted.length === 0) return;
    const first = frames();
    for (const member of greeted) {
      member.isLive = true;
      member.outbox.push(...first);
      if (this.#isPaused) member.pause();
    }
    this.#serveOwnLast();
    this.#hasCensus = true;
  }

  /** Sends to all live members but one, at the end of the turn. */
  tell(frame: Buffer, except: HubMember | null = null): void {
    for (const member of this.#members) if (member.isLive && member !== except) member.outbox.push(frame);
  }

  /** Sends all that has gathered: first what others are to see, then confirms and answers. */
  deliver(): void {
    for (const member of this.#members) {
      member.flush(member.outbox);
      if (member.queuedBytes > this.#maxBacklogBytes) member.drop();
    }
    // All that was confirmed before a barrier's question has just been sent.
    for (const member of this.#members) {
      for (const number of member.barriers.splice(0)) member.confirms.push(encodeFrame(BARRIER, { number }));
    }
    if (this.#hasCensus) this.#takeCensus();
    for (const member of this.#members) member.flush(member.confirms);
  }

  /** Takes no more frames from members, so that they wait on their side. */
  pause(): void {
    this.#isPaused = true;
    for (const member of this.#members) if (member.isLive) member.pause();
  }

  resume(): void {
    this.#isPaused = false;
    for (const member of this.#members) member.resume();
  }

  /** Lets all go; what was sent to them is still delivered. `done` is called when all are gone. */
  end(done: () => void): void {
    this.#isClosed = true;
    this.#emptied = done;
    for (const member of this.#members) member.end();
    if (this.isEmpty) done();
  }

  /** Drops all at once. */
  drop(): void {
    this.#isClosed = true;
    for (const member of this.#members) member.drop();
  }

  /**
   * A member that comes again has lost its older connection, also when that cannot be seen here yet. What it left there must
   * not be ordered behind the position that it is told now, since it sends it again.
   */
  #dropOlder(member: HubMember): void {
    for (const other of this.#members)
      if (other !== member && other.hello?.member === member.hello?.member) other.drop();
  }

  #isOwn(member: HubMember): boolean {
    return member.hello?.member === this.#identity.member;
  }

  /** Whoever is served first is woken first: the member of this process would take the hub's own time from all others. */
  #serveOwnLast(): void {
    for (const member of [...this.#members].filter((each) => this.#isOwn(each))) {
      this.#members.delete(member);
      this.#members.add(member);
    }
  }

  #closed(member: HubMember): void {
    this.#members.delete(member);
    if (this.isEmpty) this.#emptied?.();
    if (!member.isLive || this.#isClosed) return;
    this.#hasCensus = true;
    this.#events.stirred();
  }

  #takeCensus(): void {
    this.#hasCensus = false;
    let count = 0;
    for (const member of this.#members) if (member.isLive) count++;
    const frame = encodeFrame(CENSUS, { number: count });
    for (const member of this.#members) if (member.isLive) member.confirms.push(frame);
  }
}
