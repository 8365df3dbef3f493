import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { runInNewContext } from "node:vm";
import type { SessionPayload } from "../../dist/session-store/payload.js";
import { type LoadedSession, RequestContext, unknownStateOf } from "../../dist/session-store/request-context.js";

const OPTIONS = Symbol("the options of a cookie");

function loadedAs(sid: string, birth = "b"): LoadedSession {
  const cookie = {};
  const vitals = { destructions: { ofId: null, ofAll: null }, readAt: 0, seenAt: 0, endsAt: 0 };
  return { sid, birth, fields: { cookie }, cookie, vitals };
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

/** A session object as @fastify/session makes one: it keeps options, spread from the cookie of what was loaded, under a symbol. */
class FrameworkSession {
  [OPTIONS]: object;
  constructor(from: { cookie?: object } | null, options: object = {}) {
    this[OPTIONS] = { ...options, ...from?.cookie };
  }
}

/** Gives a payload as a store does; returns what the framework makes of it in the callback, and the payload. */
function give(context: RequestContext, loaded: LoadedSession, payload: object = { cookie: {} }) {
  let made: FrameworkSession | undefined;
  context.note(payload, loaded);
  context.give(loaded.sid, payload as SessionPayload, () => {
    made = new FrameworkSession(payload);
  });
  return { made: made as FrameworkSession, payload };
}

describe("a session object that a framework has made of a copy", () => {
  it("is known by the mark that it carries, wherever its code runs", () => {
    const context = new RequestContext();
    const [first, second] = [loadedAs("s", "1"), loadedAs("s", "2")];
    const { made } = give(context, first);
    assert.equal(context.of("s", made), first);
    assert.equal(
      run(context, "s", second, () => context.of("s", made)),
      first,
      "in another request's context",
    );
    assert.equal(new RequestContext().of("s", made), undefined, "another store");
  });

  it("is known by the mark when it was made of a session without a cookie, which has none afterwards", () => {
    const context = new RequestContext();
    const loaded = loadedAs("s");
    const { made, payload } = give(context, loaded, { name: "Ada" });
    assert.equal(context.of("s", made), loaded);
    assert.deepEqual(Reflect.ownKeys(payload), ["name"]);
  });

  it("has loaded what its own mark says after each of several reloads", () => {
    const context = new RequestContext();
    const all = ["1", "2", "3"].map((birth) => loadedAs("s", birth));
    const made = all.map((loaded) => give(context, loaded).made);
    for (const [index, session] of made.entries()) assert.equal(context.of("s", session), all[index]);
  });

  it("of a new id has loaded nothing, although it carries the mark of the old one", () => {
    const context = new RequestContext();
    const { made } = give(context, loadedAs("old"));
    const regenerated = new FrameworkSession(null, made[OPTIONS]);
    assert.equal(context.of("new", regenerated), undefined);
    run(context, "new", loadedAs("new"), () => assert.equal(context.of("new", regenerated), undefined));
  });

  it("of the same id has loaded nothing in the callback of the destruction, and is known from its first write on", () => {
    const context = new RequestContext();
    const { made } = give(context, loadedAs("s", "old"));
    const regenerated = new FrameworkSession(null, made[OPTIONS]);
    const written = loadedAs("s", "new");
    context.part("s", () => {
      assert.equal(context.of("s", regenerated), undefined);
      context.note(regenerated, written);
    });
    assert.equal(context.of("s", regenerated), written);
  });

  it("is not taken for another one whose mark was copied: nothing is known then but the session", () => {
    const context = new RequestContext();
    const [mine, theirs] = [give(context, loadedAs("s", "1")), give(context, loadedAs("s", "2"))];
    const copy = new FrameworkSession(null, mine.made[OPTIONS]);
    assert.equal(context.of("s", mine.made)?.birth, "1");
    assert.deepEqual(context.of("s", copy), unknownStateOf(loadedAs("s", "1")));
    const both = Object.assign(theirs.made, { [Symbol("copied")]: { ...mine.made[OPTIONS] } });
    assert.equal(context.of("s", both)?.fields, null);
    assert.equal(context.of("t", mine.made), undefined, "under another id");
  });

  it("has no mark when the application copies what it was given after the callback", () => {
    const context = new RequestContext();
    const { payload } = give(context, loadedAs("s"));
    assert.deepEqual(Reflect.ownKeys((payload as SessionPayload).cookie), []);
    assert.equal(context.of("s", { ...payload }), undefined);
  });
});

describe("a session object of which nothing is known", () => {
  class Unmarked {}

  it("stands for the session that was given under its id, in an unknown state", () => {
    const context = new RequestContext();
    const loaded = loadedAs("s");
    give(context, loaded);
    assert.deepEqual(context.of("s", new Unmarked()), unknownStateOf(loaded));
    assert.equal(context.of("new", new Unmarked()), undefined);
    assert.equal(context.of("s", {}), undefined, "a plain object is of no framework");
    assert.equal(context.of("s", runInNewContext("({})")), undefined, "in no realm");
  });

  it("is new when its framework carries marks", () => {
    const context = new RequestContext();
    context.of("s", give(context, loadedAs("s")).made);
    assert.equal(context.of("s", new FrameworkSession(null)), undefined);
    const found = run(context, "s", loadedAs("s"), () => context.of("s", new FrameworkSession(null)));
    assert.equal(found, undefined, "whatever the context says");
  });

  it("is remembered for the latest sessions only", () => {
    const context = new RequestContext();
    for (let number = 0; number <= 10_000; number++) give(context, loadedAs(`s${number}`));
    assert.equal(context.of("s0", new Unmarked()), undefined);
    assert.equal(context.of("s1", new Unmarked())?.fields, null);
  });
});
