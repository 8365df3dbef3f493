/**
 * Claims: what members hold, or wait for, until they let go of it, leave, or do not renew it in time. All claims of one name are in the
 * object under one key, each under an id of its own, with an expiry of its own. Their stamps, which are also their fencing tokens, say in
 * which order they were made.
 */
import { deleteEntry, type Entry, type Path } from "../log/entry.js";
import { visibleAt } from "./edit.js";
import type { Slot } from "./slot.js";
import { isContainer } from "./tree.js";

/** What the keys of claims begin with; a JSON pointer (RFC 6901) to what is claimed follows. */
export const CLAIMS_PREFIX = "lock:/";

/** What is stored of a claim. */
export interface Claim {
  /** The member that has made it, as `LEFT` names it. */
  readonly member: string;
  /** Its place in the log: see `stamps.ts`. */
  readonly token: number;
}

/** The slots that a departure looks at. */
interface ClaimSlots {
  readonly claimKeys: Iterable<string>;
  get(key: string): Slot | undefined;
}

/** The field of a claim that gets its stamp. */
export const TOKEN_FIELD = "token" satisfies keyof Claim;

/** The key of the claims of a name. Names of equal keys are equal, and others have other keys. */
export function claimsKeyOf(name: Path): string {
  return CLAIMS_PREFIX + name.map((key) => key.replaceAll("~", "~0").replaceAll("/", "~1")).join("/");
}

/** The claims in a value, by their ids; what is none is left out. */
export function claimsIn(value: unknown): [id: string, claim: Claim][] {
  if (!isContainer(value) || Array.isArray(value)) return [];
  return Object.entries(value).filter((entry): entry is [string, Claim] => isClaim(entry[1]));
}

function isClaim(value: unknown): value is Claim {
  return isContainer(value) && typeof value.member === "string" && typeof value.token === "number";
}

/**
 * What a departure at `time` does: its member's claims are removed, and each key under which no claim is left then. So nothing stays
 * of claims whose leases have ended.
 */
export function departureOf({ path: [member] }: Entry, slots: ClaimSlots, time: number): Entry[] {
  const removals: Entry[] = [];
  for (const key of slots.claimKeys) {
    const slot = slots.get(key);
    const value = slot === undefined || slot.isExpired(time) ? undefined : visibleAt(slot, [key], time);
    if (!isContainer(value) || Array.isArray(value)) continue;
    const ended = claimsIn(value).filter(([, claim]) => claim.member === member);
    if (ended.length === Object.keys(value).length) removals.push(deleteEntry([key]));
    else for (const [id] of ended) removals.push(deleteEntry([key, id]));
  }
  return removals;
}
