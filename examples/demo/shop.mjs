/**
 * The shop itself, without a framework: what is in a session, and what an answer says.
 *
 * Each thing in the cart is a field of the session of its own, `item:tea` for one. Requests that arrive at the same moment,
 * in different workers, write only the fields that they changed, so none of them undoes another.
 */
import { reportState } from "./report.mjs";

const PRODUCTS = [
  { id: "tea", name: "Green tea", cents: 690 },
  { id: "bread", name: "Rye bread", cents: 420 },
  { id: "honey", name: "Forest honey", cents: 850 },
  { id: "apples", name: "Apples, 1 kg", cents: 310 },
  { id: "cheese", name: "Mountain cheese", cents: 1240 },
];
const MAX_COUNT = 99;
const MAX_NAME_CHARS = 40;

/** How both frameworks make the cookie: with the same secret and name, one can go on with a session of the other. */
export const COOKIE = {
  name: "shop.sid",
  secret: process.env.SESSION_SECRET ?? "only a demo may have its secret in the source",
  options: { httpOnly: true, sameSite: "lax", secure: false, maxAge: 24 * 60 * 60 * 1000 },
};

export const HEADERS = {
  // No keep-alive: so each click may be answered by another worker.
  connection: "close",
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};

/** A request that cannot be done; the frameworks answer with its status. */
export class ShopError extends Error {
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** The answer to a request that failed: only what is the visitor's business. */
export function failure(error) {
  const statusCode = error.statusCode ?? error.status ?? 500;
  if (statusCode === 500) console.error(`worker ${process.pid}:`, error);
  return { statusCode, body: { error: statusCode === 500 ? "This went wrong." : error.message } };
}

/** The name to log in with. */
export function nameFrom(body) {
  const name = typeof body?.name === "string" ? body.name.trim() : "";
  if (name === "" || name.length > MAX_NAME_CHARS) {
    throw new ShopError(400, `expected a name of 1 to ${MAX_NAME_CHARS} characters`);
  }
  return name;
}

/**
 * Says how many of a product there shall be: to ask again when no answer came does no harm. Where two requests set the
 * same field, the later one stands; what must add up is for `storage.increment`.
 */
export function putIntoCart(session, id, body) {
  if (!session.name) throw new ShopError(401, "Log in first.");
  if (!PRODUCTS.some((product) => product.id === id)) throw new ShopError(404, "We do not sell that.");
  const count = body?.count;
  if (!Number.isInteger(count) || count < 0 || count > MAX_COUNT) {
    throw new ShopError(400, `expected a count of 0 to ${MAX_COUNT}`);
  }
  if (count === 0) delete session[`item:${id}`];
  else session[`item:${id}`] = count;
  return { pid: process.pid, id, count };
}

/** All that the page shows. */
export async function stateFor(storage, session) {
  // What is shown must not go back when the next answer comes from another worker: no write that only this one knows,
  // and none missing that others have shown.
  do await storage.sync();
  while (storage.stats().pending > 0);
  return {
    pid: process.pid,
    managerPid: storage.managerPid,
    name: session.name ?? null,
    products: PRODUCTS.map((product) => ({ ...product, count: session[`item:${product.id}`] ?? 0 })),
    reportsRead: session.reportsRead ?? 0,
    visits: storage.get("visits") ?? 0,
    ...reportState(storage),
  };
}
