/** What a replica announces, as texts that can be compared. */
import type { Change } from "../../../dist/core/replica/replica.js";

/** By the type of an entry. */
export const CHANGE_TYPES = [
  "",
  "set",
  "delete",
  "touch",
  "increment",
  "clear",
  "",
  "patch",
  "",
  "increment",
  "",
  "",
  "set",
];

/** The whole state was replaced. */
export const RELOAD = "reload";

/** An announced change as a text. */
export function changeText(type: Change["type"] | string, path: readonly string[]): string {
  return `${type} ${JSON.stringify(path)}`;
}
