/**
 * What should hold when requests of one session run at the same time. In each case a slow request has loaded the session, others
 * begin and end, and then the slow one goes on.
 */
import { type RequestCase, requestCase } from "./case.js";
import type { Visit } from "./frameworks.js";
import { pauseBeyond } from "./waiting.js";

/** Every request writes its session: the default of both frameworks. */
const SAVES_ALWAYS = { savesAlways: true };
/** A lifetime that a case waits for, in ms. */
const SHORT_MS = 200;
const HOUR_MS = 3_600_000;

/** The work that sets fields of the session. */
function setting(fields: object): (visit: Visit) => void {
  return ({ session }) => void Object.assign(session, fields);
}

/** A slow request reads the session while another one stores a field. */
const readBesideWrite: RequestCase["run"] = async (visitor, { expectFields }) => {
  await visitor.request(setting({ user: "ann" }));
  const slow = await visitor.begin();
  await visitor.request(setting({ cart: ["book"] }));
  await slow.end(() => {});
  expectFields(await visitor.session(), { user: "ann", cart: ["book"] });
};

export const PARALLEL: readonly RequestCase[] = [
  requestCase("parallel requests", {
    name: "two requests that change different fields both keep their change",
    edge: "Each has loaded the whole session, and stores the whole session.",
    sources: ["tj/connect-redis#75", "senchalabs/connect#854", "SerayaEryn/fastify-session#237"],
    async run(visitor, { expectFields }) {
      await visitor.request(setting({ user: "ann" }));
      const slow = await visitor.begin();
      await visitor.request(setting({ cart: ["book"] }));
      await slow.end(setting({ theme: "dark" }));
      expectFields(await visitor.session(), { user: "ann", cart: ["book"], theme: "dark" });
    },
  }),
  requestCase("parallel requests", {
    name: "a field that one request removes stays removed when another one changes a different field",
    edge: "A store that merges what it finds with what it is given brings the field back.",
    sources: ["redis-store/redis-rack#51", "redis-store/redis-rack#53"],
    async run(visitor, { expectFields }) {
      await visitor.request(setting({ user: "ann", notice: "welcome" }));
      const slow = await visitor.begin();
      await visitor.request(({ session }) => void delete session.notice);
      await slow.end(setting({ theme: "dark" }));
      expectFields(await visitor.session(), { user: "ann", theme: "dark", notice: undefined });
    },
  }),
  requestCase("parallel requests", {
    name: "of two requests that change one field the later one stands",
    edge: "Also where the field is a list: a store that merges lists would double its members.",
    sources: ["tj/connect-redis#348"],
    async run(visitor, { expectFields }) {
      await visitor.request(setting({ page: "a", cart: ["book"] }));
      const slow = await visitor.begin();
      await visitor.request(setting({ page: "b", cart: ["book", "pen"] }));
      await slow.end(setting({ page: "c", cart: ["ink"] }));
      expectFields(await visitor.session(), { page: "c", cart: ["ink"] });
    },
  }),
  requestCase("parallel requests", {
    name: "what two requests each assign together is not mixed",
    edge: "Each assigns an organisation and the role in it; one of the values is as it was before. The role of one with the organisation of the other is a right that nobody gave.",
    sources: ["tj/connect-redis#333", "tj/connect-redis#347"],
    async run(visitor, { assert }) {
      await visitor.request(setting({ organisation: 1, role: "guest" }));
      const slow = await visitor.begin();
      await visitor.request(setting({ organisation: 2, role: "owner" }));
      await slow.end(setting({ organisation: 1, role: "reader" }));
      const { organisation, role } = (await visitor.session()) ?? {};
      assert.ok([`1 reader`, `2 owner`].includes(`${organisation} ${role}`), `got a mixture: ${organisation} ${role}`);
    },
  }),
  requestCase("parallel requests", {
    name: "a request that only reads does not undo what another one has stored",
    edge: "With resave: false, or rolling: false, it stores nothing, and touches the session at most.",
    sources: ["valery-barysok/session-file-store#55"],
    run: readBesideWrite,
  }),
  requestCase("parallel requests", {
    name: "a request that only reads does not undo what another one has stored, where every request stores its session",
    edge: "With resave: true, or rolling: true, which are the defaults.",
    sources: ["apostrophecms/apostrophe#1765", "cornell-dti/idol#117", "fastify/session#310"],
    settings: SAVES_ALWAYS,
    run: readBesideWrite,
  }),
  requestCase("parallel requests", {
    name: "a request that has saved its session does not undo what another one stores before its end",
    edge: "It calls save and continues. Where every request stores its session, it may be stored once more at the end.",
    sources: ["expressjs/session#383", "expressjs/session#935"],
    settings: SAVES_ALWAYS,
    async run(visitor, { expectFields }) {
      await visitor.request(setting({ user: "ann" }));
      const twin = visitor.twin();
      await visitor.request(async (visit) => {
        visit.session.page = "a";
        await visit.save();
        await twin.request(setting({ cart: ["book"] }));
      });
      expectFields(await visitor.session(), { user: "ann", page: "a", cart: ["book"] });
    },
  }),
  requestCase("parallel requests", {
    name: "a logout is not undone by a request that changes the session",
    edge: "The request has loaded the session before the logout, and stores it after.",
    sources: ["expressjs/session#632", "tj/connect-redis#328", "petergoldstein/dalli#1040"],
    async run(visitor, { expectFields }) {
      await visitor.request(setting({ user: "ann" }));
      const [slow, twin] = [await visitor.begin(), visitor.twin()];
      await visitor.request((visit) => visit.destroy());
      await slow.end(setting({ cart: ["book"] }));
      expectFields(await twin.session(), { user: undefined, cart: undefined });
    },
  }),
  requestCase("parallel requests", {
    name: "a logout is not undone by a request that only reads, where every request stores its session",
    edge: "With resave: true, or rolling: true, which are the defaults.",
    sources: ["expressjs/session#632", "tj/connect-redis#328"],
    settings: SAVES_ALWAYS,
    async run(visitor, { expectFields }) {
      await visitor.request(setting({ user: "ann" }));
      const [slow, twin] = [await visitor.begin(), visitor.twin()];
      await visitor.request((visit) => visit.destroy());
      await slow.end(() => {});
      expectFields(await twin.session(), { user: undefined, cart: undefined });
    },
  }),
  requestCase("parallel requests", {
    name: "the id from before a login is not brought back by a request that changes the session",
    edge: "Anybody who knows the old id would have a session again.",
    sources: ["vert-x3/vertx-web#2771", "fastify/session#240"],
    async run(visitor, { expectFields }) {
      await visitor.request(setting({ seen: true }));
      const before = visitor.twin();
      const slow = await before.begin();
      await visitor.request(async (visit) => {
        await visit.regenerate();
        visit.session.user = "ann";
      });
      await slow.end(setting({ page: "a" }));
      expectFields(await visitor.session(), { user: "ann", page: undefined });
      expectFields(await before.session(), { seen: undefined, page: undefined });
    },
  }),
  requestCase("parallel requests", {
    name: "a session that expires while its request runs is kept by that request",
    edge: "An upload takes longer than the session lasts, and stores it at its end. Expired is not logged out.",
    sources: ["tj/connect-redis#259", "expressjs/session#718"],
    async run(visitor, trial) {
      await visitor.request(setting({ user: "ann" }));
      await visitor.request(async (visit) => {
        visit.session.cookie.maxAge = SHORT_MS;
        await visit.save();
        await pauseBeyond(SHORT_MS, trial);
        visit.session.upload = "done";
        visit.session.cookie.maxAge = HOUR_MS;
      });
      trial.expectFields(await visitor.session(), { user: "ann", upload: "done" });
    },
  }),
];
