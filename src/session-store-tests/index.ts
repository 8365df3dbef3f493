/** `cluster-storage/session-store-tests`: a conformance suite for session stores of express-session and @fastify/session. */
export type { OptionalMethod, SessionStoreLike } from "./called-store.js";
export type { Assertions, SessionStoreCase, SessionStoreGroup } from "./case.js";
export type { ExpressFramework, FastifyFramework, Frameworks } from "./frameworks.js";
export { type SessionStoreTestOptions, sessionStoreCases, sessionStoreTests, type TestFunction } from "./suite.js";
