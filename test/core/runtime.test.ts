import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import { Storage } from "../../dist/core/index.js";
import { after, deadline, microtask, soon, timeOf, wallTime } from "../../dist/core/runtime.js";
import { temporaryDirectory, until } from "../proof/cluster/processes.js";
import { KINDS, type Kind } from "./fakes/clocks.js";

const PROGRAM = fileURLToPath(new URL("./fakes/program.js", import.meta.url));
const RUNTIME = new URL("../../dist/core/runtime.js", import.meta.url).href;
const CLOCKS = new URL("./fakes/clocks.js", import.meta.url).href;
/** Ends a child that waits for a clock which stands still; a busy machine has time enough. */
const DEADLINE_MS = 60_000;

/** Runs a program to its end, or until a line makes `act` do something. */
async function run(
  args: string[],
  act: (line: string) => void = () => {},
): Promise<{ code: unknown; lines: string[] }> {
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  const lines: string[] = [];
  const errors: string[] = [];
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    for (const line of text.split("\n").filter(Boolean)) {
      lines.push(line);
      act(line);
    }
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => errors.push(text));
  let code: unknown;
  child.on("close", (status, signal) => {
    code = signal ?? status;
  });
  const isOver = () => code !== undefined;
  await until(`the end of ${args.join(" ")}; said ${lines}; ${errors}`, isOver, DEADLINE_MS).catch((error) => {
    child.kill("SIGKILL");
    throw new Error(`${error.message}; said ${lines.join(", ")}; ${errors.join("")}`);
  });
  assert.equal(code, 0, errors.join(""));
  return { code, lines };
}

const evaluated = (text: string): string[] => ["--input-type=module", "--eval", text];

describe("with clocks that stand still", () => {
  for (const kind of KINDS) {
    for (const when of ["before", "after"] as const) {
      test(`${kind}, ${when} the package is loaded, a process works alone and ends by itself`, async (t) => {
        const { lines } = await run([PROGRAM, kind, when, temporaryDirectory(t)]);
        assert.deepEqual(lines, ["works", "closed"]);
      });

      test(`${kind}, ${when} the package is loaded, a process joins another one and takes over from it`, async (t) => {
        const path = temporaryDirectory(t);
        const storage = await Storage.open("app", { path });
        const { lines } = await run([PROGRAM, kind, when, path], (line) => {
          if (line === "works") storage.close().catch(() => {});
        });
        assert.deepEqual(lines, ["works", "took over", "closed"]);
      });
    }
  }

  /** A program of which each part is called though the clocks stand still; a process with a deadline lives until then. */
  const parts = (kind: Kind): string => `
    import assert from "node:assert/strict";
    import { install } from ${JSON.stringify(CLOCKS)};
    const { now } = Date;
    install(${JSON.stringify(kind)});
    const { after, deadline, keepAlive, microtask, soon, throwUncaught, wallTime, elapsedTime } = await import(${JSON.stringify(RUNTIME)});
    const called = [];
    const call = (name) => called.push(name);
    assert.ok(Math.abs(wallTime() - now()) < 3_600_000, "the wall clock goes on");
    const start = elapsedTime();
    after(1, () => call("cancelled")).cancel();
    deadline(1, () => call("cancelled")).cancel();
    process.on("uncaughtException", (error) => call(error.message));
    throwUncaught(new Error("uncaught"));
    microtask(() => { throw new Error("thrown"); });
    microtask(() => call("microtask"));
    const alive = keepAlive();
    soon(() => call("soon"));
    after(20, () => {
      call("after");
      alive.cancel();
      after(60_000, () => call("too late"));
      deadline(20, () => call("deadline"));
    });
    process.on("exit", () => {
      assert.deepEqual([...called].sort(), ["after", "deadline", "microtask", "soon", "thrown", "uncaught"]);
      assert.ok(elapsedTime() - start >= 38);
    });`;

  for (const kind of KINDS) {
    test(`${kind}, every part of the runtime works`, async () => {
      await run(evaluated(parts(kind)));
    });
  }
});

test("a microtask runs before anything that comes later, and after the running job", async () => {
  const order: string[] = [];
  const done = new Promise<void>((resolve) => {
    soon(() => {
      order.push("soon");
      resolve();
    });
  });
  microtask(() => order.push("microtask"));
  order.push("job");
  await done;
  assert.deepEqual(order, ["job", "microtask", "soon"]);
});

test("a timer of more than Node.js can wait is not due at once, and one that is cancelled never", async () => {
  const called: string[] = [];
  const long = after(2 ** 40, () => called.push("long"));
  const other = deadline(2 ** 40, () => called.push("other"));
  deadline(1, () => called.push("cancelled")).cancel();
  await new Promise<void>((resolve) => void deadline(5, resolve));
  long.cancel();
  other.cancel();
  assert.deepEqual(called, []);
});

test("the wall clock is that of Date, and a text that says no time is NaN", () => {
  assert.ok(Math.abs(wallTime() - Date.now()) < 60_000);
  assert.deepEqual([timeOf("2020-01-01T00:00:00.000Z"), timeOf("never")], [1_577_836_800_000, Number.NaN]);
});

test("a process lives while it is kept alive or has a deadline, and not for anything else", async () => {
  const { lines } = await run(
    evaluated(`
      const { after, deadline, keepAlive } = await import(${JSON.stringify(RUNTIME)});
      after(60_000, () => console.log("after"));
      const alive = keepAlive();
      deadline(20, () => { console.log("deadline"); alive.cancel(); });`),
  );
  assert.deepEqual(lines, ["deadline"]);
});
