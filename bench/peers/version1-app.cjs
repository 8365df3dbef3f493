/** Version 1 of this package in 2 workers, as its README shows it. Prints what became of the workers. */
const cluster = require("node:cluster");

const WORKERS = 2;
/** It waits 5 s for its first synchronisation. */
const WAIT_MS = 8_000;

if (cluster.isPrimary) {
  const ends = [];
  const finish = () => {
    console.log(ends.length === 0 ? `its ${WORKERS} workers run` : `${ends.length} of its ${WORKERS} workers crash`);
    process.exit();
  };
  for (let count = 0; count < WORKERS; count++) {
    cluster.fork().on("exit", () => {
      if (ends.push(true) === WORKERS) finish();
    });
  }
  setTimeout(finish, WAIT_MS);
} else {
  const { Storage } = require("cluster-storage-v1");
  const storage = new Storage("bench", { path: process.argv[2] });
  storage.sync().catch(() => {});
  storage.set("foo", "Hello, World!");
  setInterval(() => {}, 1_000);
}
