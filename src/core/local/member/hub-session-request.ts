/** What a session with a hub gets from its member, and what it reports to it. */
import type { LogSink } from "../../log/log.js";
import type { FileReport, HealOrder } from "../machine/healing.js";
import type { LogPosition } from "../machine/machine.js";
import type { AdaptiveTimeout } from "../wire/failure-detector.js";
import type { Hello } from "../wire/messages.js";
import type { OptionCheck } from "./option-check.js";
import type { StorageClock } from "./storage-clock.js";

/** How a session ended. */
export interface HubSessionEnd {
  /** The log was delivered up to here; null when the sink has no usable state. */
  readonly position: LogPosition | null;
  readonly wasWelcomed: boolean;
  /** The hub knows that this member has left, and goes on without it. */
  readonly hasLeft: boolean;
  /** The hub was silent for longer than is allowed. */
  readonly isSilent: boolean;
  /** The files could not be read, for a reason that may pass. */
  readonly isUnreadable: boolean;
  /** A `StorageError` when another try would fail too. */
  readonly reason: Error | null;
}

export interface HubSessionRequest {
  readonly self: Omit<Hello, "protocol" | "token">;
  readonly position: LogPosition | null;
  readonly silenceTimeout: AdaptiveTimeout;
  readonly options: OptionCheck;
  readonly sink: LogSink;
  /** Is told what time it is. */
  readonly clock: StorageClock;
  /** All that was confirmed before the hello has been delivered. */
  connected(): void;
  /** The answer to a barrier. */
  barrierPassed(number: number): void;
  /**
   * The hub asks for the state as it is now.
   * @param directoryId {@link Pin.id} of the directory of the hub.
   */
  heals(order: HealOrder, directoryId: string, report: (report: FileReport) => void): void;
  ended(end: HubSessionEnd): void;
}
