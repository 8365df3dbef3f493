/**
 * Runs one suite for some minutes instead of its gate.
 *
 *   npm run campaign -- simulation 30             30 minutes of random seeds
 *   CLUSTER_STORAGE_SEED=4711 npm run campaign -- simulation     this seed alone
 */
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";
import { installIn } from "../../scripts/own-packages.mjs";

/** The suites, and the part of the paths of their test files. */
const SUITES = {
  protocol: "protocol/",
  simulation: "simulation/",
  chaos: "chaos/",
  disk: "faults/disk",
  bytes: "faults/bytes",
  hostile: "hostile/",
  soak: "soak/",
};

const [suite, minutes = "10"] = process.argv.slice(2);
if (!Object.hasOwn(SUITES, suite ?? "") || !(Number(minutes) > 0)) {
  console.error(
    `expected one of the suites ${Object.keys(SUITES).join(", ")} and a number of minutes, got ${suite} ${minutes}`,
  );
  process.exit(1);
}

if (suite === "chaos") installIn("test/outside"); // for PM2
const env = { ...process.env };
if (env.CLUSTER_STORAGE_SEED === undefined) env.CLUSTER_STORAGE_MINUTES = minutes;
const timeout = `--test-timeout=${Math.ceil(Number(minutes) * 60_000 * 2 + 600_000)}`;
const runner = spawn(
  process.execPath,
  [fileURLToPath(new URL("../run.mjs", import.meta.url)), SUITES[suite], timeout],
  {
    env,
    stdio: "inherit",
  },
);
runner.on("exit", (code) => {
  process.exitCode = code ?? 1;
});
