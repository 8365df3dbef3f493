import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type LoadedSession, RequestContext } from "../../dist/session-store/request-context.js";

function loadedAs(sid: string, birth = "b"): LoadedSession {
  const cookie = {};
  return { sid, birth, fields: { cookie }, cookie };
}

/** Runs a request that has loaded something, or has destroyed it (null). */
function run<T>(context: RequestContext, sid: string, loaded: LoadedSession | null, call: () => T): T {
  let result: T | undefined;
  context.run(sid, loaded, () => {
    result = call();
  });
  return result as T;
}

describe("what a request has loaded", () => {
  it("is found by the session object, by one that was made from it, and under its id only", () => {
    const context = new RequestContext();
    const [session, made, other] = [{}, {}, {}];
    const loaded = loadedAs("s");
    context.note(session, loaded);
    context.follow(made, session);
    context.follow(other, {});
    assert.equal(context.of("s", session), loaded);
    assert.equal(context.of("s", made), loaded);
    assert.equal(context.of("t", session), undefined);
    assert.equal(context.of("s", other), undefined);
    const later = loadedAs("s");
    context.note(session, later);
    assert.equal(context.of("s", session), later);
    assert.equal(new RequestContext().of("s", session), undefined, "of another store");
  });

  it("is found by the asynchronous context, also after an await", async () => {
    const context = new RequestContext();
    const loaded = loadedAs("s");
    const found = run(context, "s", loaded, async () => {
      await sleep(1);
      return [context.of("s", {}), context.of("t", {}), new RequestContext().of("s", {})];
    });
    assert.equal(context.of("s", {}), undefined, "outside");
    assert.deepEqual(await found, [loaded, undefined, undefined]);
  });

  it("belongs to the request itself when several run at the same time", async () => {
    const context = new RequestContext();
    const all = Array.from({ length: 100 }, (_, index) => loadedAs("s", `b${index}`));
    const found = all.map((loaded) =>
      run(context, "s", loaded, async () => {
        await sleep(Math.random() * 5);
        return context.of("s", {});
      }),
    );
    assert.deepEqual(await Promise.all(found), all);
  });

  it("is the latest of several context; those of other sessions and stores are still known", () => {
    const [context, others] = [new RequestContext(), new RequestContext()];
    const [first, second, other, theirs] = [loadedAs("s", "1"), loadedAs("s", "2"), loadedAs("t"), loadedAs("s")];
    const found = run(context, "s", first, () =>
      run(others, "s", theirs, () =>
        run(context, "t", other, () => [
          context.of("s", {}),
          context.of("t", {}),
          others.of("s", {}),
          run(context, "s", second, () => context.of("s", {})),
        ]),
      ),
    );
    assert.deepEqual(found, [first, other, theirs, second]);
  });

  it("is kept for the latest sessions only, when each callback reads another session", () => {
    const context = new RequestContext();
    const [first, other, last] = [loadedAs("first"), loadedAs("other"), loadedAs("last")];
    const again = (times: number, sid: (time: number) => string, end: () => unknown): unknown =>
      times === 0 ? end() : run(context, sid(times), loadedAs("x"), () => again(times - 1, sid, end));
    const found = run(context, "first", first, () => {
      const kept = run(context, "other", other, () =>
        again(
          1000,
          () => "polled",
          () => context.of("other", {}),
        ),
      );
      const forgotten = again(1000, String, () =>
        run(context, "last", last, () => [context.of("first", {}), context.of("last", {})]),
      );
      return [kept, forgotten];
    });
    assert.deepEqual(found, [other, [undefined, last]]);
  });

  it("is forgotten once the request has destroyed it", () => {
    const context = new RequestContext();
    const session = {};
    const found = run(context, "s", loadedAs("s"), () => run(context, "s", null, () => context.of("s", session)));
    assert.equal(found, undefined);
  });
});
