/** The suite on this package's store. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, describe, it } from "node:test";
import { Storage } from "../../dist/core/index.js";
import { ClusterSessionStore } from "../../dist/session-store/index.js";
import { sessionStoreTests, type TestFunction } from "../../dist/session-store-tests/index.js";
import { FRAMEWORKS } from "./plain-store.js";

const path = mkdtempSync(join(tmpdir(), "cluster-storage-"));
const storage = await Storage.open("app", { path });
after(async () => {
  await storage.close();
  rmSync(path, { recursive: true, force: true });
});

/** @fastify/session passes on a copy, in which an assignment of the old value is no change; so it is said what belongs together. */
const together = [["organisation", "role"]];

const test: TestFunction = Object.assign((title: string, run: () => Promise<void>) => it(title, run), {
  skip: (title: string) => it(title, () => assert.fail("expected no case to be skipped")),
});

describe("ClusterSessionStore", { concurrency: 8 }, () => {
  sessionStoreTests({
    test,
    assert,
    create: () => new ClusterSessionStore({ storage, prefix: randomUUID(), together }),
    frameworks: FRAMEWORKS,
    capabilities: { touch: true, all: true, length: true, clear: true },
    expiryTolerance: 50,
  });
});
