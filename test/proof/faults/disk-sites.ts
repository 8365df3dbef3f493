/** Where the engine calls its files, as the compiled source shows it: `<file>:<line>`. */
import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Call } from "./disk-seam.js";

const ENGINE = fileURLToPath(new URL("../../../dist/core/local", import.meta.url));

/** `close` is not among them: it does not fail. */
const CALL =
  /[fF]iles\.(open|read|write|truncate|sync|syncLater|bytes|lookAt|touch|modifiedAt|list|clone|link|symlink|rename|unlink|makeDirectory|realPath|isOwn|isPrivate|isWide|isRemote|removeDirectory|syncDirectory|syncDirectoryLater|pin|deviceOf)\(/;

/**
 * Backups, each of whose calls `upkeep/backup.test.ts` lets fail. The files themselves, what passes calls on to them, and what serves
 * real sockets: the simulated machine has its own. The threads
 * are the same code again.
 */
const OTHERS = new Set([
  "backup.js",
  "files.js",
  "pinned-files.js",
  "owner-files.js",
  "sockets.js",
  "address.js",
  "thread-texts.js",
]);

/** Calls that only a race between processes leads to, within one call of the engine: `test/proof/protocol` covers those. */
const RACES: readonly (readonly [file: string, text: string])[] = [
  ["log-reader.js", "const now = snapshotsIn(this.#files.list("],
  ["removal.js", "files.unlink(claimPath("],
  ["seat.js", "files.unlink(seatPath(place, epoch));"],
];

/** Calls after a mode that was widened, which the simulated files do not have: `storage-modes.test.ts` is about real ones. */
const MODES: readonly (readonly [file: string, text: string])[] = [
  ["directory.js", "files.narrow("],
  ["directory.js", "found === null && files.isPrivate("],
];

/** All places, with the text of the line. */
export function callSites(): Map<string, string> {
  const sites = new Map<string, string>();
  for (const path of (readdirSync(ENGINE, { recursive: true }) as string[]).filter(isOfEngine)) {
    const file = basename(path);
    const lines = readFileSync(join(ENGINE, path), "utf8").split("\n");
    for (const [index, line] of lines.entries()) {
      const call = /^\s*(\*|\/\/|\/\*)/.test(line) ? undefined : (CALL.exec(line)?.[1] as Call | undefined);
      const isLeftOut = call === undefined || isElsewhere(file, line);
      if (!isLeftOut) sites.set(`${file}:${index + 1}`, line.trim());
    }
  }
  return sites;
}

function isOfEngine(path: string): boolean {
  const name = basename(path);
  return /^[^.]+\.js$/.test(name) && !OTHERS.has(name);
}

function isElsewhere(file: string, line: string): boolean {
  return [...RACES, ...MODES].some(([name, text]) => name === file && line.includes(text));
}
