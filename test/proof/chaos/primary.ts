/** The primary of a cluster: starts as many members as each message says, answers with that number, and ends with its parent. */
import cluster from "node:cluster";
import { fileURLToPath } from "node:url";

cluster.setupPrimary({ exec: fileURLToPath(new URL("./member.js", import.meta.url)), args: [], silent: false });
process.on("message", (count: number) => {
  for (let index = 0; index < count; index++) cluster.fork();
  process.send?.(count);
});
process.on("disconnect", () => process.exit());
