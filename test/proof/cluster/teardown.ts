import type { TestContext } from "node:test";

const stacks = new WeakMap<TestContext, Array<() => unknown>>();

/** Calls a function after the test, the last registered one first; node:test itself calls the first one first. */
export function teardown(t: TestContext, call: () => unknown): void {
  const known = stacks.get(t);
  if (known) {
    known.push(call);
    return;
  }
  const stack = [call];
  stacks.set(t, stack);
  t.after(async () => {
    for (let next = stack.pop(); next; next = stack.pop()) await next();
  });
}
