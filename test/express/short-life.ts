/** An application with a dozen middlewares that answers a request each, closes its servers, writes once more and has nothing left to do. */
import express from "express";
import { clusterStorage } from "../../dist/express/index.js";
import { ask } from "../adapter/ask.js";

const path = process.argv[2] as string;
const MIDDLEWARES = 12;

process.on("warning", (warning) => {
  console.error(warning);
  process.exitCode = 1;
});

for (let index = 0; index < MIDDLEWARES; index++) {
  const middleware = clusterStorage({ path });
  const app = express();
  app.use(middleware);
  app.get("/", async (req, res) => res.json(await req.storage.increment("count")));
  const server = app.listen(0, async () => {
    await ask(`http://127.0.0.1:${(server.address() as { port: number }).port}/`);
    server.close(() => middleware.storage.set("background", "written"));
  });
}
