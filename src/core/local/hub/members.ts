/** All members of a hub. */
import { BARRIER, encodeFrame, MEMBER_COUNT } from "../../log/frame.js";
import type { Clock, HubOptions } from "../machine/machine.js";
import { heartbeatMs } from "../wire/failure-detector.js";
import type { Hello } from "../wire/messages.js";
import { BacklogLimiter } from "./backlog-limiter.js";
import type { HubMember } from "./member.js";

/** Members that may be unproven at the same time; further ones are dropped. */
const MAX_UNPROVEN = 64;

/** What decides which members are behind, see {@link BacklogLimiter}. */
type BacklogOptions = Pick<HubOptions, "maxMemberBacklogBytes" | "stallTimeout">;

/**
 * The set of a hub's members, and what is sent to them at the end of a turn.
 *
 * Invariants:
 *
 * 1. Broadcasts are sent to all members before the first reply, so no member learns that a write is confirmed before that
 *    write is on its way to all others.
 * 2. Of several connections of one member, only the newest one is kept.
 */
export class HubMembers {
  /** The member in the hub's own process. */
  readonly ownId: string;
  readonly #backlog: BacklogLimiter;
  readonly #members = new Set<HubMember>();
  #emptied: (() => void) | null = null;
  #isClosed = false;
  /** The number of live members has changed in this turn. */
  #hasCountChanged = false;
  /** The hub cannot order what members send. */
  #isStuck = false;
  /** Nothing is received from members. */
  #isPaused = false;
  #isAdmitting = true;

  constructor(ownId: string, clock: Clock, { maxMemberBacklogBytes, stallTimeout }: BacklogOptions) {
    this.ownId = ownId;
    const heartbeat = heartbeatMs(stallTimeout);
    this.#backlog = new BacklogLimiter(clock, maxMemberBacklogBytes, heartbeat, () => this.#pauseOrResume());
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** Whether a member waits for a welcome or for the answer to a barrier. */
  get isAsking(): boolean {
    for (const member of this.#members) if (member.phase === "proven" || member.barriers.length > 0) return true;
    return false;
  }

  /** Whether a member is connected and has not said that it leaves. */
  isLive(id: string): boolean {
    for (const member of this.#members) if (member.id === id && member.phase !== "left") return true;
    return false;
  }

  /** What the members have said of themselves that are connected and have not said that they leave. */
  get hellos(): Hello[] {
    return [...this.#members].flatMap(({ hello, phase }) => (hello === null || phase === "left" ? [] : [hello]));
  }

  /** Whether any member other than the hub's own one is live. */
  get hasOthers(): boolean {
    for (const member of this.#members) if (member.phase === "live" && member.id !== this.ownId) return true;
    return false;
  }

  /** A live member that fits, the hub's own one if it does; null when there is none. */
  find(isFit: (member: HubMember) => boolean): HubMember | null {
    let found: HubMember | null = null;
    for (const member of this.#members) {
      if (member.phase !== "live" || member.isClosed || !isFit(member)) continue;
      if (member.id === this.ownId) return member;
      found ??= member;
    }
    return found;
  }

  /** Takes a new connection in, unless too many are unproven. */
  add(member: HubMember): void {
    let unprovenCount = 0;
    for (const other of this.#members) if (other.phase === "unproven") unprovenCount++;
    if (this.#isClosed || unprovenCount >= MAX_UNPROVEN) member.drop();
    else this.#members.add(member);
  }

  /**
   * Takes note of a member's new phase, or of its end.
   * @returns whether this was the last connection of a member that had proved itself and has not said that it leaves.
   */
  changed(member: HubMember): boolean {
    if (member.isClosed) return this.#remove(member);
    if (member.phase === "proven") this.#dropOlder(member);
    else if (member.phase === "left") this.#hasCountChanged = true;
    return false;
  }

  /** Makes no further member live. */
  admitNobody(): void {
    this.#isAdmitting = false;
  }

  /** Makes members that proved themselves live; the frames are the first ones that they get. */
  welcome(frames: () => readonly Buffer[]): void {
    const proven = [...this.#members].filter(({ phase }) => phase === "proven");
    if (proven.length === 0 || !this.#isAdmitting) return;
    const first = frames();
    for (const member of proven) {
      member.phase = "live";
      member.broadcasts.push(...first);
      if (this.#isPaused) member.pause();
    }
    this.#serveOwnLast();
    this.#hasCountChanged = true;
  }

  /** Sends a frame to all live members but one, at the end of the turn. */
  broadcast(frame: Buffer, except: HubMember | null = null): void {
    for (const member of this.#members) if (member.phase === "live" && member !== except) member.broadcasts.push(frame);
  }

  /** Sends what has gathered: first all broadcasts, then the replies. */
  flush(): void {
    for (const member of this.#members) {
      this.#backlog.beforeSending(member);
      member.flush(member.broadcasts);
      this.#backlog.sent(member);
    }
    // All that was confirmed before a barrier was requested has just been sent.
    for (const member of this.#members) {
      for (const number of member.barriers.splice(0)) member.replies.push(encodeFrame(BARRIER, { number }));
    }
    if (this.#hasCountChanged) this.#replyCount();
    for (const member of this.#members) member.flush(member.replies);
  }

  /** Receives no more frames from members, so that those wait on the members' side. */
  pause(): void {
    this.#isStuck = true;
    this.#pauseOrResume();
  }

  resume(): void {
    this.#isStuck = false;
    this.#pauseOrResume();
  }

  #pauseOrResume(): void {
    const isPaused = this.#isStuck || this.#backlog.isWaiting;
    if (isPaused === this.#isPaused) return;
    this.#isPaused = isPaused;
    for (const member of this.#members) {
      if (!isPaused) member.resume();
      else if (member.phase === "live") member.pause();
    }
  }

  /** Closes all connections once what was sent is delivered. `done` is called when no member is left. */
  end(done: () => void): void {
    this.#isClosed = true;
    this.#backlog.stop();
    this.#emptied = done;
    for (const member of this.#members) member.end();
    if (this.isEmpty) done();
  }

  /** Drops all members at once. */
  drop(): void {
    this.#isClosed = true;
    this.#backlog.stop();
    for (const member of this.#members) member.drop();
  }

  /**
   * A member that connects again has lost its older connection, also when this side has not noticed. It sends again what it
   * left there, so that must not be ordered after the position that its welcome names.
   */
  #dropOlder(member: HubMember): void {
    for (const other of this.#members) if (other !== member && other.id === member.id) other.drop();
  }

  /** A member that is served first also wakes first: the hub's own one would take time from the hub that others wait for. */
  #serveOwnLast(): void {
    for (const member of [...this.#members].filter(({ id }) => id === this.ownId)) {
      this.#members.delete(member);
      this.#members.add(member);
    }
  }

  #remove(member: HubMember): boolean {
    this.#members.delete(member);
    if (member.phase === "live") this.#hasCountChanged = true;
    if (this.isEmpty) this.#emptied?.();
    if (member.id === null || member.phase === "left") return false;
    for (const other of this.#members) if (other.id === member.id) return false;
    return true;
  }

  #replyCount(): void {
    this.#hasCountChanged = false;
    let number = 0;
    for (const { phase } of this.#members) if (phase === "live") number++;
    const frame = encodeFrame(MEMBER_COUNT, { number });
    for (const member of this.#members) if (member.phase === "live") member.replies.push(frame);
  }
}
