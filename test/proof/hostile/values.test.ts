/**
 * Paths and values that aim at prototypes, at the limits and at the code that reads them: whatever is refused is refused with
 * the documented errors and changes nothing, whatever is taken is the same on all members and after a reload, and the
 * language is unchanged.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { StorageError } from "../../../dist/core/index.js";
import { encodeEntries } from "../../../dist/core/log/codec.js";
import { addEntry, deleteEntry, type Entry, expireEntry, patchEntry, setEntry } from "../../../dist/core/log/entry.js";
import { checkAndStamp, STATE } from "../../../dist/core/log/frame.js";
import { MAX_DEPTH } from "../../../dist/core/log/limits.js";
import { originFrames } from "../../../dist/core/log/snapshot-frames.js";
import type { Replica } from "../../../dist/core/replica/replica.js";
import { Fold } from "../../../dist/core/state/fold.js";
import { Home } from "../../api/conformance/home.js";
import { NOW, openReplica, tick } from "../../core/replica/opened-replica.js";
import { isCampaign } from "../budget.js";
import { MINE, PLAIN_PATHS, REFUSED_PATHS, REFUSED_VALUES, VALUES } from "./attacks.js";
import { Intrinsics } from "./intrinsics.js";
import { nested } from "./streams.js";

const RUNS = isCampaign ? 20_000 : 500;
type Use = (replica: Replica) => unknown;

function isDocumented(error: unknown): boolean {
  return error === MINE || error instanceof TypeError || error instanceof RangeError || error instanceof StorageError;
}

/** Two members and the files, which must all hold the same. */
class World {
  readonly writer = openReplica();
  readonly reader = openReplica();
  readonly fold = new Fold();
  readonly #undocumented: unknown[] = [];
  #seq = 0;

  constructor() {
    this.writer.join();
    this.reader.join();
  }

  /** Lets the writer do something; whatever it throws, at once or later, is documented. */
  do(use: Use): "done" | "refused" {
    try {
      Promise.resolve(use(this.writer.replica)).catch((error) => this.#note(error));
      return "done";
    } catch (error) {
      this.#note(error);
      return "refused";
    }
  }

  /** Takes entries into the log that no member of this version would write, as if another had. */
  order(entries: readonly Entry[]): void {
    const frame = encodeEntries(entries, 1, { origin: 4711, born: NOW, number: this.#seq + 1 });
    checkAndStamp(frame, 0, frame.length, 1, ++this.#seq, NOW);
    for (const { replica } of [this.writer, this.reader]) replica.sink.batch(frame, 0, frame.length);
    this.fold.batch(frame, 0, frame.length);
  }

  /** Confirms everything, and checks that all hold the same, also when it is loaded again. */
  async settle(): Promise<void> {
    await tick();
    for (const frame of this.writer.sent.splice(0)) {
      const copy = Buffer.from(frame);
      assert.ok(checkAndStamp(copy, 0, copy.length, 1, ++this.#seq, NOW));
      this.reader.replica.sink.batch(copy, 0, copy.length);
      this.fold.batch(copy, 0, copy.length);
      this.writer.replica.sink.confirmed(this.#seq, NOW);
    }
    await tick();
    const text = textOf(this.writer.replica.entries());
    assert.equal(textOf(this.reader.replica.entries()), text, "the other member");
    assert.equal(textOf(this.#reloaded()), text, "after a reload");
    assert.deepEqual(this.#undocumented, []);
  }

  #reloaded(): [string, unknown][] {
    const entries = [...this.fold.entries()];
    const loaded = openReplica();
    loaded.replica.sink.restoring(this.fold.head);
    for (const frame of [...originFrames(this.fold.head), encodeEntries(entries, STATE)])
      loaded.replica.sink.restored(frame, 0, frame.length);
    loaded.join();
    return loaded.replica.entries();
  }

  #note(error: unknown): void {
    if (!isDocumented(error)) this.#undocumented.push(error);
  }
}

/** Keys in any order, with what distinguishes -0, own properties and prototypes. */
function textOf(entries: [string, unknown][]): string {
  const shown = (value: unknown): unknown => {
    if (Object.is(value, -0)) return "minus zero";
    if (typeof value !== "object" || value === null) return value;
    assert.ok(
      [Object.prototype, Array.prototype].includes(Object.getPrototypeOf(value)),
      "a prototype that is not the language's own",
    );
    assert.ok(Object.isFrozen(value));
    if (Array.isArray(value)) return ["array", ...Array.from(value, shown)];
    return Object.keys(value)
      .sort()
      .map((key) => [key, shown((value as Record<string, unknown>)[key])]);
  };
  return JSON.stringify(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => [key, shown(value)]));
}

/** By its place in the list: fast-check looks into what it gives, and some of these throw then. */
const path = fc.oneof(
  fc.nat(PLAIN_PATHS.length - 1).map((index) => () => PLAIN_PATHS[index]),
  fc.nat(REFUSED_PATHS.length - 1).map((index) => () => REFUSED_PATHS[index]),
);
const value = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...VALUES) },
  { weight: 1, arbitrary: fc.constantFrom(...REFUSED_VALUES) },
);
const ttl = fc.constantFrom<unknown>(undefined, 0, 1000, -1, NaN, Infinity, 2 ** 53, 1e308, "5", {}, null);

/** Any call with any of these. */
const use: fc.Arbitrary<Use> = fc
  .record({ call: fc.nat(9), path, value, other: value, ttl, inBatch: fc.boolean() })
  .map(({ call, path: at, value: make, other, ttl: after, inBatch }) => {
    const write: Use = (replica) => {
      const where = at() as string;
      const ms = after as number;
      switch (call) {
        case 0:
          return replica.delete(where);
        case 1:
          return replica.touch(where, ms);
        case 2:
          return replica.add(where, make(replica), ms);
        case 3:
          return replica.increment(where, make(replica) as number, ms);
        case 4:
          return replica.patch(where, make(replica));
        case 5:
          return replica.patch(where, { f: make(replica) }, { match: other(replica), ttl: ms });
        case 6:
          return [replica.get(where), replica.has(where), replica.ttl(where)];
        default:
          return replica.set(where, make(replica), ms);
      }
    };
    if (!inBatch) return write;
    return (replica) => {
      let written: unknown;
      replica.batch(() => {
        replica.set("before", 1);
        written = write(replica);
      });
      return written;
    };
  });

test("whatever is written where, members agree, errors are the documented ones, and the language stays as it is", async (t) => {
  const intrinsics = new Intrinsics();
  let calls = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(use, { minLength: 1, maxLength: 12 }), async (uses) => {
      const world = new World();
      for (const each of uses) world.do(each);
      calls += uses.length;
      await world.settle();
      world.do((replica) => replica.set("alive", calls));
      await world.settle();
      assert.equal(world.reader.replica.get("alive"), calls);
    }),
    { numRuns: RUNS },
  );
  intrinsics.check();
  t.diagnostic(`${calls} calls, ${intrinsics.count} intrinsic objects unchanged`);
});

test("every path that is none, or reaches for a prototype below the top level, is refused and changes nothing", async () => {
  const intrinsics = new Intrinsics();
  const world = new World();
  world.do((replica) => replica.set("a", { b: [1] }));
  await world.settle();
  const before = textOf(world.writer.replica.entries());
  for (const refused of REFUSED_PATHS as string[]) {
    const calls: Use[] = [
      (replica) => replica.set(refused, 1),
      (replica) => replica.get(refused),
      (replica) => replica.has(refused),
      (replica) => replica.delete(refused),
      (replica) => replica.touch(refused, 1000),
      (replica) => replica.ttl(refused),
      (replica) => replica.increment(refused),
      (replica) => replica.add(refused, 1),
      (replica) => replica.patch(refused, { a: 1 }),
    ];
    for (const call of calls) assert.throws(() => call(world.writer.replica), TypeError);
  }
  await world.settle();
  assert.equal(textOf(world.writer.replica.entries()), before);
  intrinsics.check();
});

test("every value that JSON cannot carry is refused and changes nothing, alone and in a batch", async () => {
  for (const make of REFUSED_VALUES) {
    const world = new World();
    const { replica } = world.writer;
    replica.set("a", 1);
    assert.throws(() => replica.set("a", make(replica)), isDocumented);
    assert.throws(
      () =>
        replica.batch(() => {
          replica.set("c", 1);
          replica.set("a", make(replica));
        }),
      isDocumented,
    );
    assert.throws(() => replica.add("d", make(replica)), isDocumented);
    await world.settle();
    assert.equal(replica.get("a"), 1);
    assert.deepEqual([replica.has("c"), replica.has("d")], [false, false]);
  }
});

test("entries of another member that step through prototypes are plain data everywhere", async () => {
  const intrinsics = new Intrinsics();
  const paths = [
    ["a", "__proto__", "x"],
    ["__proto__", "__proto__"],
    ["a", "constructor", "prototype", "x"],
    ["toString", "p"],
  ];
  const patch = '{"set":{"__proto__":{"p":1}},"remove":["constructor","__proto__"],"match":{}}';
  const world = new World();
  for (let round = 0; round < 2; round++) {
    for (const each of paths) {
      world.order([setEntry(each, '{"__proto__":{"q":1}}'), patchEntry(each, patch), addEntry([...each, "n"], 1)]);
      world.order([
        expireEntry(each, NOW + 1000),
        setEntry([...each, "__proto__"], "[]"),
        deleteEntry([...each, "__proto__"]),
      ]);
      await world.settle();
      assert.notEqual(world.reader.replica.get(each[0] as string), null);
    }
  }
  intrinsics.check();
});

test("long paths that are used only once take no memory", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const { replica } = openReplica();
  const ask = (from: number, to: number) => {
    for (let index = from; index < to; index++) replica.has(`users.${index}.${"x".repeat(8192)}`);
    collect();
    return process.memoryUsage().heapUsed;
  };
  const before = ask(0, 1000);
  const grown = ask(1000, 17_000) - before;
  assert.ok(grown < 16 * 1024 * 1024, `16,000 paths of 8 KiB took ${grown} bytes`);
});

test("in real processes, and from the disk, the same", async (t) => {
  const intrinsics = new Intrinsics();
  const home = new Home(t);
  let storage = await home.open();
  const other = await home.member();
  const long = "x".repeat(16 * 1024 * 1024 - 2);
  for (const each of PLAIN_PATHS as string[]) {
    try {
      storage.set(each, JSON.parse('{"__proto__":{"polluted":1},"list":[-0,1e400]}'));
    } catch (error) {
      assert.ok(error instanceof RangeError, String(each));
    }
  }
  storage.set("deep", JSON.parse(nested(MAX_DEPTH)));
  storage.set("long", long);
  for (const refused of [nested(MAX_DEPTH + 1), nested(1_000_000), JSON.stringify(`${long}x`)]) {
    assert.throws(() => storage.set("deep", JSON.parse(refused)), RangeError);
  }
  await storage.flush();
  const expected = storage.entries().sort(([a], [b]) => (a < b ? -1 : 1));
  await other.call("sync");
  assert.equal(JSON.stringify(await other.call("contents")), JSON.stringify(expected));
  assert.ok(expected.length > 10);
  await storage.close();
  await other.call("close");
  storage = await home.open();
  assert.equal(JSON.stringify(storage.entries().sort(([a], [b]) => (a < b ? -1 : 1))), JSON.stringify(expected));
  intrinsics.check();
});
