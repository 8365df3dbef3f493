import assert from "node:assert/strict";
import { describe, it } from "node:test";
import {
  type SessionStoreTestOptions,
  sessionStoreCases,
  sessionStoreTests,
  type TestFunction,
} from "../../dist/session-store-tests/index.js";
import { FRAMEWORKS, PlainStore, registered } from "./plain-store.js";

/** A store that has only what a store must have. */
class BareStore {
  readonly #store = new PlainStore();
  get: PlainStore["get"] = (...parameters) => this.#store.get(...parameters);
  set: PlainStore["set"] = (...parameters) => this.#store.set(...parameters);
  destroy: PlainStore["destroy"] = (...parameters) => this.#store.destroy(...parameters);
}

type Options = Omit<SessionStoreTestOptions, "test" | "assert" | "create">;

const casesOf = (options: Options = {}) => registered({ create: () => new BareStore(), ...options });
const needing = (method: string) => sessionStoreCases.filter(({ needs }) => (needs as string[]).includes(method));
const isOf = (title: string, names: readonly { readonly name: string }[]): boolean =>
  names.some(({ name }) => title.includes(`: ${name} [`));

describe("the cases", () => {
  it("have names of their own, say what goes wrong, and where people met it", () => {
    const names = sessionStoreCases.map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { edge, sources } of sessionStoreCases) {
      assert.match(edge, /^\S.*\.$/);
      assert.ok(sources.length > 0);
      for (const source of sources) assert.match(source, /^[\w.-]+\/[\w.-]+(#\d+|: README)$/);
    }
  });

  it("are each registered once, and once for each framework if requests come from one", () => {
    const titles = casesOf({ frameworks: FRAMEWORKS }).map(({ title }) => title);
    assert.equal(new Set(titles).size, titles.length);
    const driven = sessionStoreCases.filter(({ isDriven }) => isDriven).length;
    assert.equal(titles.length, sessionStoreCases.length + driven);
    for (const name of ["express-session", "@fastify/session"])
      assert.equal(titles.filter((title) => title.includes(`, ${name}: `)).length, driven);
  });
});

describe("a case is skipped", () => {
  it("where its framework is not given", async () => {
    const { express } = FRAMEWORKS;
    for (const { title, run } of casesOf({ frameworks: { express } }))
      if (title.includes("@fastify/session: ")) assert.equal(await run(), "skipped", title);
  });

  it("where the store lacks a method", async () => {
    for (const method of ["touch", "all", "length", "clear"])
      for (const { title, run } of casesOf())
        if (isOf(title, needing(method))) assert.equal(await run(), "skipped", title);
  });

  it("where the caller says that a method is not tested", async () => {
    const create = (): PlainStore => assert.fail("expected no store to be created");
    for (const { title, run } of registered({ create, capabilities: { length: false } }))
      if (isOf(title, needing("length"))) assert.equal(await run(), "skipped", title);
  });

  it("but fails where the caller says that the method must be there", async () => {
    const failing = casesOf({ capabilities: { clear: true } }).filter(({ title }) => isOf(title, needing("clear")));
    assert.equal(failing.length, 1);
    assert.match(String(await failing[0]?.run()), /expected the store to have a method clear, got undefined/);
  });

  it("by the test runner, or ends where that cannot skip a running test, as Jest", async () => {
    const runs = new Map<string, () => Promise<void>>();
    const test: TestFunction = Object.assign((title: string, run: () => Promise<void>) => void runs.set(title, run), {
      skip: () => {},
    });
    sessionStoreTests({ test, assert, create: () => new BareStore() });
    const titles = [...runs.keys()].filter((title) => isOf(title, needing("clear")));
    assert.equal(titles.length, 1);
    for (const title of titles) await runs.get(title)?.();
    for (const run of runs.values()) assert.equal(run.length, 0, "Jest takes a parameter for a callback");
  });
});

describe("a store", () => {
  it("is created for each case and closed after it, also when the case fails", async () => {
    const open = new Set<object>();
    const create = async (): Promise<BareStore> => {
      const store = new BareStore();
      if (open.size > 0) assert.fail("expected the store of the last case to be closed");
      open.add(store);
      store.get = () => assert.fail("broken");
      return store;
    };
    const [first, second] = registered({ create, close: (store) => open.delete(store) });
    assert.match(String(await first?.run()), /expected get to pass its error to the callback, got a thrown .*broken/);
    assert.match(String(await second?.run()), /broken/);
    assert.equal(open.size, 0);
  });
});
