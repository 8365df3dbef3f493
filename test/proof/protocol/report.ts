/** How an exploration is reported, and what is expected of it. */
import assert from "node:assert/strict";
import { type Explored, explore, type Model } from "./explore.js";

/** Explores a model whose promises must hold. Returns how many states it has. */
export function expectKept(name: string, model: Model, mostStates?: number): number {
  const explored = explore(model, mostStates);
  report(name, explored);
  const { violation, isComplete, states } = explored;
  assert.equal(violation, null, `${violation?.message}\n${violation?.trace.join("\n")}`);
  assert.ok(isComplete || mostStates !== undefined);
  return states;
}

/** Explores a model with a mistake, which must be found. */
export function expectBroken(name: string, model: Model): void {
  const explored = explore(model);
  report(name, explored);
  assert.ok(explored.violation !== null);
}

function report(name: string, { states, transitions, depth, violation }: Explored): void {
  const steps = violation === null ? `depth ${depth}` : `broken after ${violation.trace.length} steps`;
  console.log(`${name}: ${states} states, ${transitions} transitions, ${steps}`);
}
