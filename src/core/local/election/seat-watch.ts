/**
 * What a member can know of a manager that it does not reach: whether its seat is refreshed.
 *
 * "I cannot reach it" is not "it is dead": a socket can be removed, or lie in a directory that is mounted elsewhere, while its
 * manager serves others. A manager touches its seat at each heartbeat, so the time of the file shows that it is alive, to every
 * process that sees the file.
 */
import { codeOf, StorageError } from "../../errors.js";
import { bestEffort } from "../disk/file-access.js";
import { seatPath } from "../disk/file-names.js";
import type { Machine, Place, Timer } from "../machine/machine.js";
import type { SeatView } from "./seat.js";

/** ms without a refresh after which a manager that cannot be reached counts as dead: several refreshes, and less than adapters wait. */
const LEASE_MS = 4000;
/** ms after which it is reported that a manager is out of reach: longer than one that starts needs to take connections. */
const REPORT_MS = 1500;
/** Looks in the lease, or in the silence that is allowed if that is shorter. */
const LOOKS = 10;
/** Looks without a refresh after which a manager that is silent too counts as dead: a refresh and a heartbeat come together. */
const STILL_LOOKS = 8;
/** After a refresh the next one is not due for so many looks: the first of them are left out, and counted with the next one. */
const LOOKS_AFTER_REFRESH = 2;

/**
 * Looks at the seat of one manager again and again, by the running time of this process.
 *
 * Invariant: `#unrefreshedLooks` looks in a row, none of them late by as much as the time between two, have found the file as it was.
 */
export class SeatWatch {
  readonly seat: SeatView;
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #lookMs: number;
  readonly #looked: () => void;
  #modifiedAt: number | undefined;
  #lookedAt: number;
  #unrefreshedLooks = 0;
  /** As how many looks the next one counts. */
  #nextLooks = 1;
  /** Since when the manager is out of reach, and whether the seat was refreshed since then. */
  #lostAt: number;
  #isRefreshed = false;
  #timer: Timer;

  /**
   * @param silenceMs How much silence of its manager a member allows.
   * @param looked Called after each look.
   */
  constructor(machine: Machine, place: Place, seat: SeatView, silenceMs: number, looked: () => void) {
    this.seat = seat;
    this.#machine = machine;
    this.#place = place;
    this.#lookMs = Math.min(silenceMs, LEASE_MS) / LOOKS;
    this.#looked = looked;
    this.#modifiedAt = this.#lastRefresh();
    this.#lookedAt = machine.clock.elapsed();
    this.#lostAt = this.#lookedAt;
    this.#timer = this.#lookLater();
  }

  /** Whether this is the watch of a seat: epochs begin again in a directory that was removed or replaced. */
  isOf(seat: SeatView): boolean {
    return seat.epoch === this.seat.epoch && seat.content?.token === this.seat.content?.token;
  }

  /** The connection to the manager has just ended, or a first one was tried. */
  lost(): void {
    this.#lostAt = this.#machine.clock.elapsed();
    this.#isRefreshed = false;
  }

  /** Whether the manager is alive, as its seat has shown, and was out of reach for so long that a person should know. */
  get isOutOfReach(): boolean {
    return this.#isRefreshed && this.#machine.clock.elapsed() - this.#lostAt > REPORT_MS;
  }

  /** Whether the seat was not refreshed for as long as a silent manager usually is not heard. */
  get isStill(): boolean {
    return this.#unrefreshedLooks >= STILL_LOOKS;
  }

  /** Whether the lease is over: the manager counts as dead, though it was not reached. */
  get isOverdue(): boolean {
    return this.#unrefreshedLooks * this.#lookMs >= LEASE_MS;
  }

  /**
   * Whether a refusal of its socket proves that the manager is dead: it ran since the last start of this very machine, and has bound
   * the socket through the same file system.
   */
  get isRefusalProof(): boolean {
    const { content } = this.seat;
    return this.#isOfThisBoot && content?.device === this.#device;
  }

  get #isOfThisBoot(): boolean {
    return this.seat.content?.bootId === this.#machine.identity.bootId;
  }

  /** Undefined when that is not known. */
  get #device(): string | undefined {
    return bestEffort(() => this.#machine.files.deviceOf(this.#place.directory));
  }

  /**
   * What a process is told that cannot reach its manager, which refreshes its seat.
   * @param error Why it cannot; null when the connection just ended.
   */
  unreachable(error: Error | null): StorageError {
    const { content } = this.seat;
    const { pid, uid, host } = this.#machine.identity;
    const reason = codeOf(error) || "no answer";
    if (reason === "ECONNREFUSED" && !this.#isOfThisBoot) return this.#remote();
    const there = `process ${content?.pid} of user ${content?.uid} on ${content?.host}, which has it at ${content?.directory}`;
    const here = `process ${pid} of user ${uid} on ${host}, which has it at ${this.#place.directory}`;
    const message = `expected to reach the manager, ${there}, by its socket ${content?.socket}, got ${reason} in ${here}; the manager is alive, so this process waits: run both as one user on one machine, and let nothing remove files from that directory`;
    return new StorageError("ERR_STORAGE_UNREACHABLE", message, error ? { cause: error } : undefined);
  }

  cancel(): void {
    this.#timer.cancel();
  }

  #remote(): StorageError {
    const { host = "", directory = "" } = this.seat.content ?? {};
    return new StorageError(
      "ERR_STORAGE_REMOTE",
      `expected ${this.#place.directory} to be of this machine, ${this.#machine.identity.host}, but ${host} uses it, at ${directory}: choose a directory that only this machine uses`,
    );
  }

  #lookLater(): Timer {
    return this.#machine.clock.after(this.#nextLooks * this.#lookMs, () => this.#look());
  }

  #look(): void {
    const now = this.#machine.clock.elapsed();
    const looks = this.#nextLooks;
    // This process stood still: the count begins again.
    const isLate = now - this.#lookedAt > (looks + 1) * this.#lookMs;
    const modifiedAt = this.#lastRefresh() ?? this.#modifiedAt;
    // The first time that is known is no refresh.
    const isRefreshed = this.#modifiedAt !== undefined && modifiedAt !== this.#modifiedAt;
    this.#isRefreshed ||= isRefreshed;
    this.#unrefreshedLooks = isLate || isRefreshed ? 0 : this.#unrefreshedLooks + looks;
    this.#nextLooks = isRefreshed ? LOOKS_AFTER_REFRESH : 1;
    this.#modifiedAt = modifiedAt;
    this.#lookedAt = now;
    this.#timer = this.#lookLater();
    this.#looked();
  }

  /** Undefined when there is no such file, or that is not known. */
  #lastRefresh(): number | undefined {
    try {
      return this.#machine.files.modifiedAt(seatPath(this.#place, this.seat.epoch));
    } catch {
      return undefined;
    }
  }
}
