/**
 * Checks that imports run one way: which room of `src` may import which, as the table says. Prints each import that breaks
 * it, and each entry of the table that no import needs.
 *
 *   node scripts/check-imports.mjs
 */
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * A room is a folder of `src`, a file that others may import by itself has its own row. Files of one room may import each
 * other. Names without a slash are files of `core`, rooms of `core` or rooms of `core/local`; the adapters see `core/index`.
 */
export const ROOMS = {
  index: "core/index session-store",
  adapter: "core/index runtime node:util",
  express: "adapter core/index runtime",
  fastify: "adapter core/index fastify fastify-plugin",
  "session-store":
    "adapter core/index runtime lodash/isEqual.js node:async_hooks node:crypto node:diagnostics_channel node:events node:util",
  "session-store-tests": "runtime node:crypto",
  "express-rate-limit": "adapter core/index node:async_hooks",
  "fastify-rate-limit": "adapter core/index runtime",
  "nestjs-throttler": "adapter core/index",
  "rate-limiter-flexible": "adapter core/index rate-limiter-flexible",
  core: "replica log local node:events node:path node:url",
  replica: "state log errors node:assert",
  state: "log keys lodash/toPath.js",
  fold: "state log",
  keys: "",
  log: "errors node:zlib",
  local: "member hub election wire upkeep disk machine log errors",
  member: "election wire upkeep disk machine log errors",
  hub: "election wire upkeep disk machine log errors node:crypto node:path",
  election: "wire upkeep disk machine log errors",
  wire: "machine log errors",
  upkeep: "disk machine fold log errors lodash/toPath.js node:crypto node:path",
  disk: "machine log errors node:crypto node:path",
  machine: "log errors runtime node:crypto node:os node:path",
  errors: "",
  runtime: "node:perf_hooks node:timers",
};

/** Modules that reach outside of the process, and the files that may import them. */
export const OUTSIDE = {
  "node:fs": "files kernel",
  "node:net": "sockets",
  "node:http": "express/index express/server-scope",
  "node:worker_threads": "threads hub-thread compactor-thread",
};

const IMPORT = /\bfrom "([^"]+)"/g;

const source = fileURLToPath(new URL("../src", import.meta.url));

/** The room of a file, which is given by its path in `src` without the extension. */
function roomOf(file) {
  if (["core/errors", "core/runtime", "core/state/fold"].includes(file)) return basename(file);
  if (file === "core/index") return "core/index";
  return file === "index" ? "index" : basename(dirname(file));
}

/** Every import in `src`: the importing file, what it imports, and the room or package of that. */
export function importsOf() {
  const files = readdirSync(source, { recursive: true }).filter((name) => name.endsWith(".ts"));
  return files.flatMap((name) =>
    [...readFileSync(join(source, name), "utf8").matchAll(IMPORT)].map(([, wanted]) => {
      const file = name.replace(/\.ts$/, "");
      if (!wanted.startsWith(".")) return { file, wanted, room: wanted };
      const target = join(dirname(file), wanted).replace(/\.js$/, "");
      return { file, wanted: target, room: roomOf(target) };
    }),
  );
}

/** What breaks the tables, as lines of text; none when nothing does. */
export function breaches(imports = importsOf(), rooms = ROOMS, outside = OUTSIDE) {
  const found = [];
  const used = new Set();
  for (const { file, wanted, room } of imports) {
    const owners = outside[wanted]?.split(" ");
    const from = file === "core/index" ? "core" : roomOf(file);
    const owner = owners?.find((each) => file.endsWith(each));
    used.add(`${from} -> ${room}`).add(`${wanted} <- ${owner}`);
    if (from === room || owner !== undefined || (from === "core" && ["errors", "runtime", "core/index"].includes(room)))
      continue;
    if (owners !== undefined) found.push(`${file}.ts imports ${wanted}, which only ${owners.join(", ")} may`);
    else if (!rooms[from]?.split(" ").includes(room)) found.push(`${file}.ts imports ${wanted}, but ${from} may not`);
  }
  const entriesOf = (table) =>
    Object.entries(table).flatMap(([key, text]) => text.split(" ").map((each) => [key, each]));
  for (const [from, room] of entriesOf(rooms))
    if (room !== "" && !used.has(`${from} -> ${room}`))
      found.push(`the table allows ${from} -> ${room}, which no file uses`);
  for (const [module, owner] of entriesOf(outside))
    if (!used.has(`${module} <- ${owner}`))
      found.push(`the table allows ${owner} to import ${module}, which it does not`);
  return found;
}

if (realpathSync(process.argv[1]) === realpathSync(fileURLToPath(import.meta.url))) {
  const lines = breaches();
  for (const line of lines) console.error(line);
  if (lines.length > 0) process.exitCode = 1;
}
