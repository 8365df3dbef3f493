/** An application of Express, as an ES module; prints what two clients are answered. */
import { once } from "node:events";
import { ClusterSessionStore, Storage } from "cluster-storage";
import clusterStorage from "cluster-storage/express";
import express from "express";
import session from "express-session";
import { askAsTwoClients } from "./ask.cjs";

const storage = await Storage.open("app", { path: process.argv[2] });
const store = new ClusterSessionStore({ storage });
const app = express();
app.use(clusterStorage({ storage }));
app.use(session({ store, secret: "secret", resave: false, saveUninitialized: false }));
app.get("/", async (request, response) => {
  request.session.count = (request.session.count ?? 0) + 1;
  response.json([request.session.count, await request.storage.increment("all")]);
});
const server = app.listen(0, "127.0.0.1");
await once(server, "listening");
console.log(JSON.stringify(await askAsTwoClients(`http://127.0.0.1:${server.address().port}`)));
server.close();
await storage.close();
