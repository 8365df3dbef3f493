/** Batches within batches, and what a caller of one of them can wait for. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { entriesOf, openReplica, tick } from "./opened-replica.js";

const cause = new Error("no");

/** A replica, and a function that runs a batch which throws after its writes, and whose error is caught. */
function openWriter(limits: Parameters<typeof openReplica>[0] = {}) {
  const open = openReplica(limits);
  const { replica } = open;
  const attempt = (write: () => void) =>
    assert.throws(
      () =>
        replica.batch(() => {
          write();
          throw cause;
        }),
      cause,
    );
  return { open, replica, attempt };
}

test("a batch in a batch is part of it", async () => {
  const { open, replica } = openWriter();
  open.join();
  replica.batch(() => {
    replica.set("a", 1);
    replica.batch(() => replica.set("b", 2));
    replica.set("c", 3);
  });
  await tick();
  assert.deepEqual(
    open.sent.map((frame) => entriesOf(frame).map(({ path }) => path[0])),
    [["a", "b", "c"]],
  );
});

test("a batch in a batch that throws takes back its own writes, and the outer one goes on", async () => {
  const { open, replica, attempt } = openWriter();
  open.join();
  replica.set("before", 1);
  replica.batch(() => {
    replica.set("account", { a: 100, b: 0 });
    attempt(() => {
      replica.set("account.a", 50);
      replica.set("account", { a: 0, b: 100 });
      replica.increment("account.b").catch(() => {});
      replica.clear();
      replica.set("before", 2);
    });
    assert.deepEqual(replica.get("account"), { a: 100, b: 0 });
    void replica.increment("account.a", 1);
  });
  assert.deepEqual(Object.fromEntries(replica.entries()), { before: 1, account: { a: 101, b: 0 } });
  assert.equal(replica.pendingCount, 3);
  await tick();
  assert.deepEqual(
    open.sent.map((frame) => entriesOf(frame).map(({ path }) => path.join("."))),
    [["before", "account", "account.a"]],
  );
  open.confirm();
  assert.deepEqual([replica.pendingCount, replica.pendingBytes], [0, 0]);
  assert.deepEqual(replica.get("account"), { a: 101, b: 0 });
});

test("an error that passes through both takes both back; one that the outer function throws takes the inner one back", () => {
  const { replica, attempt } = openWriter();
  replica.set("kept", 1);
  const through = () =>
    replica.batch(() => {
      replica.set("kept", 2);
      replica.batch(() => {
        replica.set("inner", 1);
        throw cause;
      });
    });
  assert.throws(through, cause);
  attempt(() => {
    replica.set("kept", 3);
    replica.batch(() => replica.set("inner", 1));
  });
  assert.deepEqual(replica.entries(), [["kept", 1]]);
  assert.equal(replica.pendingCount, 1);
});

test("promises of what an inner batch took back reject with its error, all others settle in the log", async () => {
  const { open, replica, attempt } = openWriter();
  open.join();
  const taken: Promise<unknown>[] = [];
  const kept: Promise<unknown>[] = [];
  replica.batch(() => {
    replica.set("object", { n: 1 });
    kept.push(replica.increment("n"));
    attempt(() => {
      taken.push(replica.increment("n", 5), replica.add("k", 1), replica.patch("object", { n: 2 }));
      replica.batch(() => taken.push(replica.increment("n", 7)));
    });
    kept.push(replica.increment("n"), replica.add("k", 2), replica.patch("object", { n: 3 }, { match: { n: 1 } }));
  });
  for (const promise of taken) await assert.rejects(promise, cause);
  await tick();
  open.confirm();
  assert.deepEqual(await Promise.all(kept), [1, 2, true, true]);
  assert.deepEqual([replica.get("k"), replica.get("object.n")], [2, 3]);
});

test("a flush in an inner batch that throws settles: with the outer one, with what was pending before, or at once", async () => {
  const { open, replica, attempt } = openWriter({ maxInFlight: 1 });
  const flushes: Promise<void>[] = [];
  const flushing = () => {
    replica.set("inner", 1);
    flushes.push(replica.flush());
  };
  replica.batch(() => attempt(flushing));
  await flushes[0];
  assert.equal(replica.pendingCount, 0);
  open.join();
  replica.set("pending", 1);
  await tick();
  replica.batch(() => attempt(flushing));
  replica.batch(() => {
    replica.set("outer", 1);
    attempt(flushing);
  });
  let settledCount = 0;
  for (const flush of flushes.slice(1)) void flush.then(() => settledCount++);
  await tick();
  assert.equal(settledCount, 0);
  open.confirm();
  await tick();
  assert.equal(settledCount, 1);
  open.confirm();
  await tick();
  assert.equal(settledCount, 2);
});

test("an inner function that returns a promise, or writes too much, is taken back alone", () => {
  const { replica } = openWriter({ maxValueBytes: 1 << 20, maxPendingBytes: 10_000 });
  replica.batch(() => {
    replica.set("outer", "x".repeat(4000));
    assert.throws(() => replica.batch(async () => replica.set("inner", 1)), TypeError);
    const writeMuch = () => {
      replica.set("inner", 1);
      replica.set("much", "x".repeat(6000));
    };
    assert.throws(() => replica.batch(writeMuch), { name: "RangeError", message: /at most 10000 bytes, got 10\d\d\d/ });
    replica.set("much", "x".repeat(5000));
  });
  assert.deepEqual(replica.keys().sort(), ["much", "outer"]);
});

test("what an inner batch took back leaves its room to the outer one", () => {
  const { replica, attempt } = openWriter({ maxPendingBytes: 10_000 });
  replica.batch(() => {
    for (let round = 0; round < 10; round++) attempt(() => replica.set("key", "x".repeat(8000)));
    replica.set("key", "x".repeat(8000));
  });
  assert.equal(replica.pendingCount, 1);
});

test("batches nest as deep as functions call each other, and each level that throws takes back its own writes", () => {
  const { replica } = openWriter();
  const DEPTH = 1000;
  const descend = (depth: number): void =>
    replica.batch(() => {
      replica.set(`key${depth}`, depth);
      if (depth < DEPTH) {
        try {
          descend(depth + 1);
        } catch (error) {
          if (depth % 10 === 0) assert.equal(error, cause);
          else throw error;
        }
      }
      if (depth % 10 === 1) throw cause;
    });
  descend(0);
  assert.deepEqual(replica.keys(), ["key0"]);
});

test("a batch within a batch that took something back still ends: writes after it are no part of it", async () => {
  const { open, replica, attempt } = openWriter();
  open.join();
  replica.batch(() => attempt(() => replica.set("inner", 1)));
  await tick();
  replica.set("a", 1);
  await tick();
  replica.set("b", 2);
  await tick();
  assert.deepEqual(
    open.sent.map((frame) => entriesOf(frame).length),
    [1, 1],
  );
});
