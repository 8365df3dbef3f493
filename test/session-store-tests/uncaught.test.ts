import assert from "node:assert/strict";
import { it } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { canTakeUncaught, ThrownOnPurpose, takingUncaught } from "../../dist/session-store-tests/uncaught.js";

const throwing = (error: Error): (() => never) => {
  return () => {
    throw error;
  };
};

it("errors thrown on purpose reach neither the test runner nor the caller, and all is as before", async () => {
  const before = process.listeners("unhandledRejection");
  await takingUncaught(async () => {
    assert.equal(canTakeUncaught(), false);
    setImmediate(throwing(new ThrownOnPurpose()));
    void Promise.reject(new ThrownOnPurpose());
    await turn();
    await turn();
  });
  assert.equal(canTakeUncaught(), true);
  assert.deepEqual(process.listeners("unhandledRejection"), before);
});

it("other errors that nobody catches are thrown", async () => {
  const error = new Error("mine");
  const run = async (): Promise<void> => {
    setImmediate(throwing(error));
    await turn();
    await turn();
  };
  await assert.rejects(takingUncaught(run), error);
  assert.equal(canTakeUncaught(), true);
});
