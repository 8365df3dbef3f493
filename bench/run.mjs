/**
 * The benchmark.
 *
 *   npm run bench                    every question
 *   node bench/run.mjs reads set     some of them
 *
 * Each question is measured with its peers in the same run. Needs nothing but the development dependencies; a
 * `redis-server` on the PATH is measured too.
 */
import { availableParallelism } from "node:os";

const QUESTIONS = ["reads", "set", "throughput", "latency", "failover", "sessions"];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !QUESTIONS.includes(name));
if (unknown.length > 0) {
  console.error(`expected some of ${QUESTIONS.join(", ")}, got ${unknown.join(", ")}`);
  process.exit(1);
}

console.log(`Node ${process.version}, ${availableParallelism()} cores, ${process.platform} ${process.arch}`);
for (const name of QUESTIONS) {
  if (wanted.length > 0 && !wanted.includes(name)) continue;
  const { measure } = await import(`./${name}.mjs`);
  await measure();
}
