/** Sockets in the workers of node:cluster. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { temporaryDirectory } from "../../../proof/cluster/processes.js";

const DIST = new URL("../../../../dist/core/local/machine/", import.meta.url).href;
const NAME = "hub.0123456789abcdef";
const run = promisify(execFile);

/** The worker is reached by itself while its primary does nothing but wait for that. */
const CLUSTER = `
  import cluster from "node:cluster";
  import { existsSync, writeFileSync } from "node:fs";
  import { diskFiles } from "${DIST}files.js";
  import { unixSockets } from "${DIST}sockets.js";
  const [directory, name, answered] = process.argv.slice(2);
  const sockets = unixSockets(diskFiles);
  if (cluster.isPrimary) {
    const worker = cluster.fork();
    worker.on("message", () => {
      const end = Date.now() + 20_000;
      while (!existsSync(answered) && Date.now() < end);
      console.log(existsSync(answered) ? "reached" : "not reached");
      worker.process.kill("SIGKILL");
      process.exit();
    });
  } else {
    const accept = (socket) => { socket.end(); return { data() {}, closed() {} }; };
    sockets.listen(directory, name, accept, (error) => {
      if (error) throw error;
      process.send("listening");
      sockets.connect(directory, name, { data() {}, closed: (error) => error ?? writeFileSync(answered, "") });
    });
  }`;

test("a worker of node:cluster takes its connections itself, and its primary has no part in it", async (t) => {
  for (const bytes of [1, 150]) {
    const directory = join(temporaryDirectory(t), "d".repeat(bytes));
    mkdirSync(directory);
    const [program, answered] = [join(directory, "program.mjs"), join(directory, "answered")];
    writeFileSync(program, CLUSTER);
    const { stdout } = await run(process.execPath, [program, directory, NAME, answered]);
    assert.equal(stdout.trim(), "reached");
  }
});
