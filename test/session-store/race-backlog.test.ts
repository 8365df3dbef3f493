import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { teardown } from "../proof/cluster/teardown.js";
import { Application, RUNS, Visitor, type Worker } from "./application.js";
import type { Site } from "./worker.js";

const ROUNDS = 2 * RUNS;
/** Together these writes are far more than a socket holds, so that the rest waits at the manager. */
const WRITES = 5000;
const VALUE = "x".repeat(200);
const HOUR_MS = 3_600_000;

const settings = { maxAge: HOUR_MS };
const SITES: Record<string, Site> = {
  "Express 5": { framework: "Express 5", settings, store: { prefix: "express" } },
  "Fastify 5": { framework: "Fastify 5", settings, store: { prefix: "fastify" } },
};

test("a worker that stood still while others wrote more than its socket holds reads the latest", async (t) => {
  const application = new Application(t, SITES);
  const storage = await Storage.open("app", { path: application.directory }); // the manager is here
  teardown(t, () => storage.close());
  await application.startAll(2);
  for (const site of Object.keys(SITES)) {
    const [first, second] = application.at(site) as [Worker, Worker];
    for (let round = 0; round < ROUNDS; round++) {
      const visitor = new Visitor();
      await visitor.ask(first, ["set", "user", null]);
      const file = join(application.directory, `${site} may go on ${round}`);
      const { ended } = await second.process.standStill(file);
      for (let index = 0; index < WRITES; index++) {
        storage.set(`key${index}`, VALUE);
        if (index % 10 === 9) await storage.flush();
      }
      await visitor.ask(first, ["set", "user", round]);
      const answer = visitor.ask(second);
      writeFileSync(file, "");
      const { session } = await answer;
      await ended;
      assert.equal(session.user, round, site);
    }
  }
});
