import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { teardown } from "../proof/cluster/teardown.js";
import { Application, RUNS, Visitor } from "./application.js";
import type { Framework } from "./frameworks.js";

const ROUNDS = 4 * RUNS;
/** Together far more than a socket holds, so that the rest waits at the manager. */
const WRITES = 5000;
const VALUE = "x".repeat(200);
const HOUR_MS = 3_600_000;

for (const framework of ["Express 5", "Fastify 5"] as Framework[]) {
  test(`${framework}: a worker that stood still while others wrote more than its socket holds reads the latest`, async (t) => {
    const application = new Application(t, { framework, settings: { maxAge: HOUR_MS } });
    const storage = await Storage.open("app", { path: application.directory }); // the manager is here
    teardown(t, () => storage.close());
    const [first, second] = await application.startAll(2);
    assert.ok(first && second);
    for (let round = 0; round < ROUNDS; round++) {
      const visitor = new Visitor();
      await visitor.ask(first, ["set", "user", null]);
      const file = join(application.directory, `go${round}`);
      const { ended } = await second.standStill(file);
      for (let index = 0; index < WRITES; index++) {
        storage.set(`key${index}`, VALUE);
        if (index % 10 === 9) await storage.flush();
      }
      await visitor.ask(first, ["set", "user", round]);
      const answer = visitor.ask(second);
      writeFileSync(file, "");
      const { session } = await answer;
      await ended;
      assert.equal(session.user, round);
    }
  });
}
