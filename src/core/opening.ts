/** The wait for a storage that is being opened: it ends in any case. */
import { StorageError } from "./errors.js";
import type { LogClock } from "./log/log.js";

/** How often within the longest wait it is looked for progress. */
const LOOKS = 4;

/** What the wait must know of a storage. */
export interface Opening {
  readonly clock: LogClock;
  /** What messages call it. */
  readonly label: string;
  /** Rises with each frame that is delivered, and with what this process reads to become the manager; nothing else is progress. */
  progress(): number;
  /** What went wrong last; null when nothing did. */
  trouble(): StorageError | null;
  /** What is waited for. */
  missing(): string;
  /** Resolves when the storage has everything. */
  sync(): Promise<void>;
}

/**
 * Resolves when the storage has everything.
 * @param timeoutMs The longest time without progress.
 * @throws StorageError `ERR_STORAGE_NOT_READY`, whose `cause` is the last trouble, when there is none for so long; and as `sync`.
 */
export function opened(opening: Opening, timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    let seen = opening.progress();
    let quietLooks = 0;
    const look = (): void => {
      const progress = opening.progress();
      quietLooks = progress === seen ? quietLooks + 1 : 0;
      seen = progress;
      if (quietLooks === LOOKS) reject(notReady(opening, timeoutMs));
      else timer = opening.clock.after(timeoutMs / LOOKS, look);
    };
    let timer = opening.clock.after(timeoutMs / LOOKS, look);
    opening
      .sync()
      .then(resolve, reject)
      .finally(() => timer.cancel());
  });
}

function notReady(opening: Opening, timeoutMs: number): StorageError {
  const cause = opening.trouble();
  const reason = cause === null ? "" : `: ${cause.message}`;
  return new StorageError(
    "ERR_STORAGE_NOT_READY",
    `expected ${opening.label} to be open within ${timeoutMs} ms without progress, still waiting for ${opening.missing()}${reason}`,
    cause === null ? undefined : { cause },
  );
}
