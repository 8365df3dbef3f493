import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Loaded, Loads } from "../../dist/session-store/request-context.js";

function loadedAs(sid: string, birth = "b"): Loaded {
  const cookie = {};
  return { sid, birth, fields: { cookie }, cookie };
}

/** Runs a request that has loaded something, or has destroyed it (null). */
function run<T>(loads: Loads, sid: string, loaded: Loaded | null, call: () => T): T {
  let result: T | undefined;
  loads.run(sid, loaded, () => {
    result = call();
  });
  return result as T;
}

describe("what a request has loaded", () => {
  it("is found by the session object, by one that was made of it, and under its id only", () => {
    const loads = new Loads();
    const [session, made, other] = [{}, {}, {}];
    const loaded = loadedAs("s");
    loads.note(session, loaded);
    loads.follow(made, session);
    loads.follow(other, {});
    assert.equal(loads.of("s", session), loaded);
    assert.equal(loads.of("s", made), loaded);
    assert.equal(loads.of("t", session), undefined);
    assert.equal(loads.of("s", other), undefined);
    const later = loadedAs("s");
    loads.note(session, later);
    assert.equal(loads.of("s", session), later);
    assert.equal(new Loads().of("s", session), undefined, "of another store");
  });

  it("is found by the asynchronous context, also behind what it waits for", async () => {
    const loads = new Loads();
    const loaded = loadedAs("s");
    const found = run(loads, "s", loaded, async () => {
      await sleep(1);
      return [loads.of("s", {}), loads.of("t", {}), new Loads().of("s", {})];
    });
    assert.equal(loads.of("s", {}), undefined, "outside");
    assert.deepEqual(await found, [loaded, undefined, undefined]);
  });

  it("is of the request itself, when several run at the same time", async () => {
    const loads = new Loads();
    const all = Array.from({ length: 100 }, (_, index) => loadedAs("s", `b${index}`));
    const found = all.map((loaded) =>
      run(loads, "s", loaded, async () => {
        await sleep(Math.random() * 5);
        return loads.of("s", {});
      }),
    );
    assert.deepEqual(await Promise.all(found), all);
  });

  it("is the latest of several loads, with those of other sessions and stores around it", () => {
    const [loads, others] = [new Loads(), new Loads()];
    const [first, second, other, theirs] = [loadedAs("s", "1"), loadedAs("s", "2"), loadedAs("t"), loadedAs("s")];
    const found = run(loads, "s", first, () =>
      run(others, "s", theirs, () =>
        run(loads, "t", other, () => [
          loads.of("s", {}),
          loads.of("t", {}),
          others.of("s", {}),
          run(loads, "s", second, () => loads.of("s", {})),
        ]),
      ),
    );
    assert.deepEqual(found, [first, other, theirs, second]);
  });

  it("is kept for a few sessions only, when calls go on from callback to callback for ever", () => {
    const loads = new Loads();
    const [first, other, last] = [loadedAs("first"), loadedAs("other"), loadedAs("last")];
    const again = (times: number, sid: (time: number) => string, end: () => unknown): unknown =>
      times === 0 ? end() : run(loads, sid(times), loadedAs("x"), () => again(times - 1, sid, end));
    const found = run(loads, "first", first, () => {
      const kept = run(loads, "other", other, () =>
        again(
          1000,
          () => "polled",
          () => loads.of("other", {}),
        ),
      );
      const forgotten = again(1000, String, () =>
        run(loads, "last", last, () => [loads.of("first", {}), loads.of("last", {})]),
      );
      return [kept, forgotten];
    });
    assert.deepEqual(found, [other, [undefined, last]]);
  });

  it("is nothing any more once the request has destroyed it", () => {
    const loads = new Loads();
    const session = {};
    const found = run(loads, "s", loadedAs("s"), () => run(loads, "s", null, () => loads.of("s", session)));
    assert.equal(found, undefined);
  });
});
