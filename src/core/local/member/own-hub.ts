/** A member's own hub: it claims the seat when there is no manager, and serves until it is replaced or closed. */
import { codeOf, described, errorOf, type SentError, StorageError } from "../../errors.js";
import type { LogSink, LogStats } from "../../log/log.js";
import { ClaimOrder } from "../election/claim-order.js";
import { highestEpoch, newestEpoch } from "../election/seat.js";
import type { HubHandle, HubOptions, HubReport, LogPosition, Machine, Place, TimeNote } from "../machine/machine.js";
import { Healer } from "./healer.js";

export interface MemberOptions {
  /** Whether the member may be the manager. */
  readonly candidate: boolean;
  readonly hub: HubOptions;
}

/** What a member's own hub reports to it. */
export interface OwnHubEvents {
  /** It has the seat. @param isDamaged Whether files cannot be read that the member may hold. */
  serving(isDamaged: boolean): void;
  /** Another process has the seat; the hub is gone. */
  replaced(): void;
  /** Another member holds more of the log than the files do, and must take the seat; the hub is gone. */
  behind(): void;
  /** It was closed and is gone. @param isNoted Whether the log notes that this member has left, or need not. */
  ended(isNoted: boolean): void;
  /** It cannot serve, or not any more, and is gone. @param hasServed Whether it has served: then another hub may. */
  failed(error: Error, hasServed: boolean): void;
  /** It serves what could be saved of corrupt files; the error names what was lost. */
  salvaged(error: Error): void;
  /** Something is wrong that stops nothing. */
  warned(error: Error): void;
  /** What the member holds. */
  sink(): LogSink;
}

export class OwnHub {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #options: HubOptions;
  readonly #member: string;
  readonly #events: OwnHubEvents;
  readonly #claimOrder: ClaimOrder;
  /** Writes what the member holds while that is connected to no hub. */
  readonly #healer: Healer;
  #hub: HubHandle | null = null;
  #epoch = 0;
  #isContending = false;
  #isClosing = false;
  #compactionCount = 0;
  #healCount = 0;
  /** Damage was reported, and is not healed yet. */
  #isDamaged = false;
  #compactionError: string | null = null;
  /** The code of the last failure that was reported; empty after a success. */
  readonly #lastFailures = { compaction: "", copy: "" };
  #readCount = 0;

  constructor(machine: Machine, place: Place, options: HubOptions, member: string, events: OwnHubEvents) {
    this.#machine = machine;
    this.#place = place;
    this.#options = options;
    this.#member = member;
    this.#events = events;
    this.#claimOrder = new ClaimOrder(machine, place);
    this.#healer = new Healer(machine, place);
  }

  /** Whether there is a hub, serving or not yet. */
  get isRunning(): boolean {
    return this.#hub !== null;
  }

  get isContending(): boolean {
    return this.#isContending;
  }

  /** What its hubs have done to the files. */
  get stats(): Pick<LogStats, "compactions" | "healed" | "compactionError"> {
    return { compactions: this.#compactionCount, healed: this.#healCount, compactionError: this.#compactionError };
  }

  /** Rises while its hubs read the log. */
  get readCount(): number {
    return this.#readCount;
  }

  /** Whether the manager of an epoch is here. */
  isManager(epoch: number): boolean {
    return this.#hub !== null && this.#epoch === epoch;
  }

  /**
   * Claims the next epoch with a new hub; one that is still here is terminated.
   * @param position The member has applied the log up to here.
   * @param time Storage time as the member knows it; null: it knows of none.
   * @param seen The epoch of the newest seat that the member has seen, whose manager is dead; 0: it has seen none.
   * @returns false while another member goes first, or when there is another seat by now.
   * @throws the error of a failed file operation, or of a thread that cannot be started.
   */
  contend(position: LogPosition | null, time: TimeNote | null, seen: number): boolean {
    this.#machine.files.makeDirectory(this.#place.directory);
    // Where all files were removed, epochs go on after those that the member knows.
    const epoch = Math.max(highestEpoch(this.#machine, this.#place), position?.epoch ?? 0);
    // Its manager may be alive. One that comes after this look has the epoch that is claimed, so the claim fails.
    if (newestEpoch(this.#machine, this.#place) !== seen) return false;
    if (!this.#claimOrder.isMyTurn(epoch + 1)) return false;
    this.terminate();
    const request = { place: this.#place, options: this.#options, member: this.#member, epoch, position, time };
    const hub = this.#machine.threads.startHub(request, (report) => {
      if (hub === this.#hub) this.#reported(report);
    });
    this.#hub = hub;
    this.#isContending = true;
    return true;
  }

  /** {@link HubHandle.close}; `ended` or `failed` follows. A second call changes nothing. */
  close(destroy: boolean, hasWritten: boolean): void {
    if (!this.#isClosing) this.#hub?.close(destroy, hasWritten);
    this.#isClosing = true;
  }

  /** Stops at once; nothing follows. */
  terminate(): void {
    this.#hub?.terminate();
    this.#gone();
  }

  #reportCopy(failure: SentError): void {
    this.#reportOnce("copy", copyError(failure), failure.code);
  }

  /** Reports a failure, unless the last one was of the same kind. */
  #reportOnce(what: "compaction" | "copy", error: Error, code: string): void {
    if (this.#lastFailures[what] === code) return;
    this.#lastFailures[what] = code;
    this.#events.warned(error);
  }

  #gone(): void {
    this.#isDamaged = false;
    this.#healer.stop();
    this.#hub = null;
    this.#epoch = 0;
    this.#isContending = false;
    this.#isClosing = false;
  }

  #reported(report: HubReport): void {
    switch (report.kind) {
      case "serving":
        this.#isContending = false;
        this.#epoch = report.epoch;
        this.#events.serving(report.isDamaged ?? false);
        break;
      case "reading":
        this.#readCount++;
        break;
      case "compacted":
        this.#compactionCount++;
        this.#compactionError = null;
        this.#lastFailures.compaction = "";
        if (report.result.copyFailure) this.#reportCopy(report.result.copyFailure);
        else this.#lastFailures.copy = "";
        break;
      case "damaged":
        if (!this.#isDamaged) this.#events.warned(damagedError(report.message));
        this.#isDamaged = true;
        break;
      case "healed":
        this.#isDamaged = false;
        this.#healCount++;
        break;
      case "heal":
        this.#healer.heal(report.order, this.#events.sink(), report.directoryId, (answer) => this.#hub?.answer(answer));
        break;
      case "compactionFailed":
        this.#compactionError = report.message;
        this.#reportOnce("compaction", compactionError(report), report.code);
        break;
      case "copyFailed":
        this.#reportCopy(report);
        break;
      case "salvaged":
        this.#events.salvaged(new StorageError("ERR_STORAGE_CORRUPT", report.message));
        break;
      case "failed": {
        const hasServed = !this.#isContending;
        this.#gone();
        this.#events.failed(errorOf(report), hasServed);
        break;
      }
      case "ended":
        this.#gone();
        this.#events.ended(report.isNoted);
        break;
      default:
        this.#gone();
        if (report.kind === "behind") this.#events.behind();
        else this.#events.replaced();
    }
  }
}

function damagedError(damage: string): StorageError {
  const message = `expected the files to stay as they were written, got damage: ${damage}; nothing is lost, what they held is written again from memory`;
  return new StorageError("ERR_STORAGE_DAMAGED", message);
}

/** A failed compaction loses nothing: the segments stay, and the hub tries again. */
function compactionError(report: SentError): Error {
  const cause = errorOf(report);
  const message = `the log could not be compacted (${described(cause)}); writes go on, the log grows, and it is tried again`;
  return new StorageError("ERR_STORAGE_COMPACTION", message, { cause });
}

function copyError(report: SentError): Error {
  const cause = errorOf(report);
  if (codeOf(cause) === "ERR_STORAGE_COPY") return cause;
  const message = `the copy for backups could not be renewed (${described(cause)}); the storage goes on, and it is tried again`;
  return new StorageError("ERR_STORAGE_COPY", message, { cause });
}
