/**
 * Bytes of a seed against everything that reads bytes: the connection, the codec, a hub before and after a hello, the files.
 * Whatever they are, the outcome is one that is documented, no other member is disturbed, and no more memory is taken than the
 * limits say.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { isCampaign, randomOf, seeds } from "../budget.js";
import { Hostility } from "./streams.js";
import { feedCodec, feedConnection, feedFiles, HostileHub } from "./targets.js";

/** Seeds of the gate; each makes `INPUTS` inputs of each kind. */
const GATE = 32;
const INPUTS = 250;
/** Most bytes of a buffer that is made for inputs that are all shorter: one block of a file. */
const MAX_BUFFER_BYTES = 1024 * 1024;
/** Most bytes that may be held for longer than the inputs that made them: what V8 takes over time for its own code. */
const MAX_GROWTH_BYTES = 2 * 1024 * 1024;
/** Seeds that the engine has to warm up. */
const WARM_UP = isCampaign ? 100 : 10;

/** Seeds that failed once, and what that was. */
const FAILED_ONCE: readonly (readonly [seed: number, what: string])[] = [];

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** Notes the longest buffer that is made while something runs. */
function longestBuffer(run: () => void): number {
  const made = ["alloc", "allocUnsafe", "allocUnsafeSlow"] as const;
  const originals = made.map((name) => Buffer[name]);
  let longest = 0;
  for (const [index, name] of made.entries()) {
    Buffer[name] = ((bytes: number, ...rest: []) => {
      longest = Math.max(longest, bytes);
      return (originals[index] as typeof Buffer.alloc)(bytes, ...rest);
    }) as typeof Buffer.alloc;
  }
  try {
    run();
  } finally {
    for (const [index, name] of made.entries()) Buffer[name] = originals[index] as typeof Buffer.alloc;
  }
  return longest;
}

/** Bytes that are in use on the heap and outside it, buffers included, without garbage. */
async function heldBytes(): Promise<number> {
  // The memory of buffers is given back in turns of the event loop, after the collection.
  for (let round = 0; round < 3; round++) {
    collect();
    await turn();
  }
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function feedAll(seed: number, counts: Map<string, number>): void {
  const hostility = new Hostility(randomOf(seed));
  const hub = new HostileHub();
  const targets: Record<string, () => void> = {
    connection: () => feedConnection(hostility),
    codec: () => feedCodec(hostility),
    hub: () => hub.feed(hostility),
    files: () => feedFiles(hostility),
  };
  for (const [name, feed] of Object.entries(targets)) {
    for (let input = 0; input < INPUTS; input++) feed();
    counts.set(name, (counts.get(name) ?? 0) + INPUTS);
  }
}

test("whatever the bytes are, they are read or refused as documented, and take no more memory than they may", async (t) => {
  const counts = new Map<string, number>();
  const start = performance.now();
  let startBytes = 0;
  let seedCount = 0;
  const summary = () => {
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const rate = Math.round(total / ((performance.now() - start) / 1000));
    return `${seedCount} seeds, ${total} inputs, ${rate}/s: ${[...counts].map(([name, count]) => `${name} ${count}`).join(", ")}`;
  };
  for (const seed of seeds(
    GATE,
    FAILED_ONCE.map(([failed]) => failed),
  )) {
    try {
      const longest = longestBuffer(() => feedAll(seed, counts));
      assert.ok(longest <= MAX_BUFFER_BYTES, `a buffer of ${longest} bytes was made`);
    } catch (error) {
      const replay = `CLUSTER_STORAGE_SEED=${seed} node --test .test/hostile/frames.test.js`;
      throw new Error(`seed ${seed} (replay: ${replay}): ${(error as Error).message}`, { cause: error });
    }
    seedCount++;
    // A hub asks for microtasks, which hold it until they have run.
    await turn();
    if (seedCount === WARM_UP) startBytes = await heldBytes();
    if (isCampaign && seedCount % 200 === 0) console.log(summary());
  }
  const grown = startBytes === 0 ? 0 : (await heldBytes()) - startBytes;
  assert.ok(grown <= MAX_GROWTH_BYTES, `${grown} bytes are held`);
  t.diagnostic(
    `${summary()}; ${Math.round(grown / 1024)} KiB more are held, ${Math.round(process.memoryUsage.rss() / 1024 / 1024)} MiB resident`,
  );
});

test("a seed determines everything", () => {
  const bytesOf = () => {
    const hostility = new Hostility(randomOf(17));
    return Buffer.concat(Array.from({ length: 100 }, () => hostility.frame())).toString("hex");
  };
  assert.equal(bytesOf(), bytesOf());
});
