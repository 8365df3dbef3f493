/** The suite as a function: it gives each case to the caller's test runner. */
import { randomUUID } from "node:crypto";
import { Application, Visitor } from "./application.js";
import { CalledStore, type OptionalMethod, plainOf, type SessionStoreLike } from "./called-store.js";
import type { Assertions, RequestCase, SessionStoreCase, StoreCase, Trial } from "./case.js";
import { CONTRACT } from "./contract.js";
import type { Frameworks } from "./frameworks.js";
import { LIFETIME } from "./lifetime.js";
import { PARALLEL } from "./parallel.js";
import { REQUESTS } from "./requests.js";
import { ROBUSTNESS } from "./robustness.js";

/** What the suite calls of a test runner: `test` of node:test, Vitest and Jest has it. */
export interface TestFunction {
  /** Registers a test. */
  (name: string, run: () => Promise<void>): unknown;
  /** Registers a test that is not run. */
  skip(name: string, run: () => Promise<void>): unknown;
}

/** What is tested, and by which test runner. */
export interface SessionStoreTestOptions<Store extends SessionStoreLike = SessionStoreLike> {
  /** `test` of node:test, Vitest or Jest. */
  test: TestFunction;
  /** `node:assert`, or what has its functions `ok` and `deepStrictEqual`. */
  assert: Assertions;
  /** Creates a store that has no sessions; called once for each case. */
  create: () => Store | Promise<Store>;
  /** Closes a store, after its case. */
  close?: (store: Store) => unknown;
  /** Which optional methods must be there (`true`) or are not tested (`false`). Default: those that the store has are tested. */
  capabilities?: Partial<Record<OptionalMethod, boolean>>;
  /** The frameworks that send requests. Cases that need one are run with each that is given. */
  frameworks?: Frameworks;
  /** By how many ms the store may be late when a session expires. Default: 1100, for stores that count whole seconds. */
  expiryTolerance?: number;
  /** How long a call of the store, or a request, may take, in ms. Default: 4000, as Jest ends a test after 5000. */
  timeout?: number;
}

const DEFAULT_TOLERANCE_MS = 1100;
const DEFAULT_TIMEOUT_MS = 4000;

const CASES: readonly (StoreCase | RequestCase)[] = [...CONTRACT, ...LIFETIME, ...ROBUSTNESS, ...REQUESTS, ...PARALLEL];

/** All cases of the suite: what each is about, and where it comes from. */
export const sessionStoreCases: readonly SessionStoreCase[] = CASES;

/** The frameworks, as the names of tests say them. */
const FRAMEWORK_NAMES = { express: "express-session", fastify: "@fastify/session" } as const;

/**
 * Registers a test for each case: what the contract of express-session and @fastify/session says, what a store should withstand,
 * and what should hold for requests of one session that run at the same time. Each test has a store of its own. A case for an
 * optional method that the store lacks, or for a framework that is not given, is skipped.
 *
 * @example
 * // With `test` of node:test, Vitest or Jest, and `node:assert/strict`:
 * sessionStoreTests({ test, assert, create: () => new MyStore() });
 */
export function sessionStoreTests<Store extends SessionStoreLike>(options: SessionStoreTestOptions<Store>): void {
  for (const each of CASES) {
    if (!each.isDriven) register(options, each, each.group, (_, trial) => each.run(trial));
    else {
      for (const name of ["express", "fastify"] as const) {
        const framework = options.frameworks?.[name];
        const perform: Perform<Store> = (store, trial) =>
          drive({ [name]: framework }, each, store, trial, options.timeout);
        register(options, each, `${each.group}, ${FRAMEWORK_NAMES[name]}`, framework && perform);
      }
    }
  }
}

/** A case does not apply. */
class Skipped extends Error {}

/** What a running test of node:test and Vitest is given; Jest gives nothing. */
interface RunningTest {
  skip?(reason?: string): void;
}

type Perform<Store> = (store: Store, trial: Trial) => Promise<void>;

/** @param perform Undefined: the case cannot be run. */
function register<Store extends SessionStoreLike>(
  options: SessionStoreTestOptions<Store>,
  { name, sources, needs }: SessionStoreCase,
  place: string,
  perform: Perform<Store> | undefined,
): void {
  const { test, capabilities = {} } = options;
  const title = `${place}: ${name} [${sources.join(", ")}]`;
  if (perform === undefined || needs.some((method) => capabilities[method] === false)) {
    test.skip(title, async () => {});
    return;
  }
  // Jest takes a function with a named parameter for one that calls back.
  test(title, async (...[running]: RunningTest[]) => {
    try {
      await withStore(options, needs, perform);
    } catch (error) {
      if (!(error instanceof Skipped)) throw error;
      running?.skip?.(error.message);
    }
  });
}

/** Runs a case with a store of its own. */
async function withStore<Store extends SessionStoreLike>(
  options: SessionStoreTestOptions<Store>,
  needs: readonly OptionalMethod[],
  perform: Perform<Store>,
): Promise<void> {
  const { create, close, assert, capabilities = {}, expiryTolerance = DEFAULT_TOLERANCE_MS, timeout } = options;
  const store = await create();
  try {
    const called = new CalledStore(store, timeout ?? DEFAULT_TIMEOUT_MS);
    const skip = (reason: string): never => {
      throw new Skipped(reason);
    };
    const missing = needs.find((method) => !called.has(method) && capabilities[method] !== true);
    if (missing !== undefined) skip(`the store has no method ${missing}`);
    const expectFields: Trial["expectFields"] = (found, expected) =>
      assert.deepStrictEqual(found && fieldsOf(found, Object.keys(expected)), expected);
    const trial = {
      store: called,
      assert,
      toleranceMs: expiryTolerance,
      newId: () => randomUUID(),
      expectFields,
      skip,
    };
    await perform(store, trial);
  } finally {
    await close?.(store);
  }
}

/** Returns fields of an object as JSON carries them; undefined where it has none. */
function fieldsOf(found: object, names: readonly string[]): Record<string, unknown> {
  const plain = plainOf(found) ?? {};
  return Object.fromEntries(names.map((name) => [name, Object.hasOwn(plain, name) ? plain[name] : undefined]));
}

/** Runs a case in an application. */
async function drive(
  frameworks: Frameworks,
  { settings, run }: RequestCase,
  store: SessionStoreLike,
  trial: Trial,
  timeoutMs = DEFAULT_TIMEOUT_MS,
): Promise<void> {
  const application = new Application(timeoutMs);
  await application.start(frameworks, store, settings);
  try {
    await run(new Visitor(application), trial);
  } finally {
    await application.close();
  }
}
