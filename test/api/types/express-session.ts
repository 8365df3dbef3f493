/** Uses of express-session, without a cast. It is compiled, and never run; each line after `@ts-expect-error` must not compile. */

import { ClusterSessionStore as fromRoot, Storage } from "cluster-storage";
import { clusterStorage } from "cluster-storage/express";
import ClusterSessionStore, { ClusterSessionStore as named } from "cluster-storage/session-store";
import express from "express";
import session from "express-session";

const app = express();
const storage = new Storage("app");
app.use(clusterStorage({ storage }));
app.use(session({ secret: "s", resave: false, saveUninitialized: false, store: new ClusterSessionStore() }));
app.use(
  session({ secret: "s", store: new named({ storage, prefix: "sid", ttl: 1000, touchAfter: 0, timeout: 1000 }) }),
);
app.use(session({ secret: "s", store: new fromRoot({ name: "sessions", path: "data", consistency: "strong" }) }));
app.use(session({ secret: "s", store: new named({ merge: "fields", together: [["orgId", "role"]] as const }) }));
const store: session.Store = new ClusterSessionStore({ storage });
app.get("/", (req, res) => {
  store.destroy(req.sessionID, () => res.json(req.storage.get("key")));
});

// @ts-expect-error either a storage or options to open one
new ClusterSessionStore({ storage, path: "data" });
// @ts-expect-error no such consistency
new ClusterSessionStore({ consistency: "eventual" });
// @ts-expect-error no such merge
new ClusterSessionStore({ merge: "keys" });
// @ts-expect-error groups of fields
new ClusterSessionStore({ together: ["orgId", "role"] });
// @ts-expect-error no such option
new ClusterSessionStore({ client: storage });
