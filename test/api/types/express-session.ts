/** Uses of express-session, without a cast. It is compiled, and never run; each line after `@ts-expect-error` must not compile. */

import { ClusterSessionStore as fromRoot, Storage } from "cluster-storage";
import { clusterStorage } from "cluster-storage/express";
import ClusterSessionStore, {
  type DestroyByUserOptions,
  type ListedSession,
  ClusterSessionStore as named,
  type SessionIndex,
  type UserId,
} from "cluster-storage/session-store";
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

const users = new ClusterSessionStore({ index: (session) => session.userId, maxSessions: 100_000 });
app.use(session({ secret: "s", store: users }));
app.post("/devices", async (req, res) => {
  const devices = await users.byUser("42");
  const ids: string[] = devices.map(({ id }) => id);
  const first: ListedSession | undefined = (await users.all())[0];
  const expires: unknown = first?.cookie.expires;
  const counts: number[] = [await users.countByUser(42), await users.destroyByUser(42n, { except: req.sessionID })];
  void users.destroyByUser(42, (_error, count) => res.json({ ids, counts, count, expires, device: first?.device }));
  users.destroyByUser(42, { except: ids }, () => {});
  users.byUser(42, (_error, found) => found?.map(({ id }) => id.length));
  users.revokeUser("42", () => {});
  const left: number = await users.revokeUser("42");
  res.json(left);
});
const options: DestroyByUserOptions = { except: ["a"] };
const byTeam: SessionIndex = ({ team }) => (team === undefined ? undefined : String(team));
const id: UserId = 42;
void new ClusterSessionStore({ index: byTeam }).destroyByUser(id, options);

// @ts-expect-error an id is a text or a number
void users.byUser({ id: 42 });
// @ts-expect-error no such option
void users.destroyByUser(42, { but: "a" });
// @ts-expect-error an index is a function
new ClusterSessionStore({ index: "userId" });
// @ts-expect-error an index returns an id
new ClusterSessionStore({ index: async (session) => session.userId });
// @ts-expect-error a number of sessions
new ClusterSessionStore({ maxSessions: "10" });
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
