/** What a hub tells the host that runs it. */
export interface HubEvents {
  /** Somebody else has the seat now: it has stopped. */
  replaced(): void;
  /** A good moment to compact, if it is worth it. */
  grown(): void;
  /** An fsync failed in the background: what is in the closed segments must be written anew. */
  spoiled(): void;
}
