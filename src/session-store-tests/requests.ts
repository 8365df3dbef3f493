/** What a store must do, and should withstand, when a framework sends one request after another. */
import { type RequestCase, requestCase } from "./case.js";

/** A store that answers in any order loses one of these rounds. */
const REDIRECT_COUNT = 10;

export const REQUESTS: readonly RequestCase[] = [
  requestCase("contract", {
    name: "a visitor finds in the next request what the last one stored",
    edge: "The framework takes the store, stores a session in it and makes a session of what it reads.",
    sources: ["expressjs/session#874", "tj/connect-redis#407"],
    async run(visitor, { expectFields }) {
      await visitor.request(({ session }) => {
        session.user = { name: "ann" };
        session.cart = ["book"];
      });
      await visitor.request(({ session }) => {
        session.cart?.push("pen");
        delete session.user;
      });
      expectFields(await visitor.session(), { cart: ["book", "pen"], user: undefined });
    },
  }),
  requestCase("contract", {
    name: "a logout ends the session",
    edge: "The browser still sends the cookie.",
    sources: ["tj/connect-redis#252"],
    async run(visitor, { expectFields }) {
      await visitor.request(({ session }) => {
        session.user = "ann";
      });
      const twin = visitor.twin();
      await visitor.request((visit) => visit.destroy());
      for (const each of [visitor, twin]) expectFields(await each.session(), { user: undefined });
    },
  }),
  requestCase("contract", {
    name: "a login gives a new id, and the old one is of no use",
    edge: "Somebody gave the visitor a cookie before the login.",
    sources: ["fastify/session#240", "expressjs/session#935"],
    async run(visitor, { expectFields }) {
      await visitor.request(({ session }) => {
        session.seen = true;
      });
      const before = visitor.twin();
      await visitor.request(async (visit) => {
        await visit.regenerate();
        visit.session.user = "ann";
      });
      expectFields(await visitor.session(), { user: "ann", seen: undefined });
      expectFields(await before.session(), { user: undefined, seen: undefined });
    },
  }),
  requestCase("robustness", {
    name: "the request that follows a redirect finds what was stored before it",
    edge: "express-session sends the head of a response before its store has called back, and browsers follow a redirect at once.",
    sources: ["expressjs/session#309", "expressjs/session#360", "expressjs/session#704", "jaredhanson/passport#703"],
    async run(visitor, { expectFields }) {
      for (let round = 0; round < REDIRECT_COUNT; round++) {
        const { rest } = await visitor.requestHead(({ session }) => {
          session.round = round;
          return "/";
        });
        expectFields(await visitor.session(), { round });
        await rest;
      }
    },
  }),
  requestCase("robustness", {
    name: "a stored session without a cookie does not fail the requests of its visitor",
    edge: "Another program, or an older release, has stored it. express-session reads the expiry of a cookie that is not there.",
    sources: ["expressjs/session#551", "expressjs/session#634", "expressjs/session#824", "expressjs/express#5089"],
    async run(visitor, { store, assert }) {
      await visitor.request(({ session }) => {
        session.user = "ann";
      });
      const sid = await visitor.id();
      await store.call("set", sid, { user: "bob" }).answer;
      const fields = await visitor.session();
      assert.ok(["ann", "bob", undefined].includes(fields?.user as string), "expected a session, or a new one");
    },
  }),
  requestCase("robustness", {
    name: "a request that reloads its session goes on with what another one has stored",
    edge: "It reads the session a second time, changes it, and stores it.",
    sources: ["expressjs/session#383"],
    async run(visitor, { expectFields }) {
      await visitor.request(({ session }) => {
        session.count = 1;
      });
      const slow = await visitor.begin();
      await visitor.request(({ session }) => {
        session.count = 2;
        session.other = true;
      });
      await slow.end(async (visit) => {
        await visit.reload();
        visit.session.count += 1;
      });
      expectFields(await visitor.session(), { count: 3, other: true });
    },
  }),
];
