/**
 * An Express application with 4 workers of `node:cluster`, which share data and sessions.
 *
 *   npm install express express-session cluster-storage
 *   node examples/express.mjs
 *   curl -c cookies -b cookies http://127.0.0.1:3000/     repeat it: another worker may answer
 *
 * PORT is the port (default: 3000), DATA_DIR the directory of the data (default: the working directory).
 */
import cluster from "node:cluster";
import { clusterStorage } from "cluster-storage/express";
import { ClusterSessionStore } from "cluster-storage/session-store";
import express from "express";
import session from "express-session";

const { PORT = "3000", DATA_DIR = ".", SESSION_SECRET = "only an example may have its secret here" } = process.env;

if (cluster.isPrimary) {
  for (let count = 0; count < 4; count++) cluster.fork();
  cluster.on("exit", () => setTimeout(() => cluster.fork(), 500));
} else {
  const app = express();
  app.use(clusterStorage({ path: DATA_DIR }));
  app.use(
    session({
      store: new ClusterSessionStore({ path: DATA_DIR }), // the same path, so the same storage
      secret: SESSION_SECRET,
      resave: false,
      saveUninitialized: false,
    }),
  );

  app.get("/", async (req, res) => {
    req.session.visits = (req.session.visits ?? 0) + 1;
    const allVisits = await req.storage.increment("visits");
    res.json({ worker: process.pid, yourVisits: req.session.visits, allVisits });
  });

  const server = app.listen(Number(PORT), "127.0.0.1", () => {
    console.log(`worker ${process.pid} listens on http://127.0.0.1:${server.address().port}/`);
  });
}
