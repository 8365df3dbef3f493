/**
 * The shop itself, without a framework: what is in a session, and what an answer says.
 *
 * Each product in the cart is a field of its own in the session, for example `item:tea`. Requests that different workers answer
 * at the same moment write only the fields that they changed, so they do not undo each other's changes.
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
/** How often a name may log in, over all workers. A real shop counts by the address of the visitor as well. */
const LOGINS = { limit: 10, windowMs: 60_000 };

/** The cookie of both frameworks. With the same secret and name, each can use the sessions of the other. */
export const COOKIE = {
  name: "shop.sid",
  secret: process.env.SESSION_SECRET ?? "only a demo may have its secret in the source",
  options: { httpOnly: true, sameSite: "lax", secure: false, maxAge: 24 * 60 * 60 * 1000 },
};

export const HEADERS = {
  // Without keep-alive, each click may be answered by another worker.
  connection: "close",
  "cache-control": "no-store",
  "content-security-policy":
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
  "x-content-type-options": "nosniff",
};

/** The error of a request that cannot be done; the frameworks answer with its status. */
export class ShopError extends Error {
  constructor(statusCode, message) {
    super(message);
    this.statusCode = statusCode;
  }
}

/** Returns the answer to a request that failed. It does not show the visitor an error of the server. */
export function failure(error) {
  const statusCode = error.statusCode ?? error.status ?? 500;
  if (statusCode === 500) console.error(`worker ${process.pid}:`, error);
  return { statusCode, body: { error: statusCode === 500 ? "Something went wrong." : error.message } };
}

/** Returns the name of a visitor who logs in. */
function nameFrom(body) {
  const name = typeof body?.name === "string" ? body.name.trim() : "";
  if (name === "" || name.length > MAX_NAME_CHARS) {
    throw new ShopError(400, `expected a name of 1 to ${MAX_NAME_CHARS} characters`);
  }
  return name;
}

/** Returns the name of a visitor who logs in, unless that name has logged in too often in this minute, whichever workers answered. */
export async function loginOf(storage, body) {
  const name = nameFrom(body);
  const { allowed, retryAfter } = await storage.limit([`logins:${name}`], LOGINS);
  if (!allowed) throw new ShopError(429, `Too many logins. Try again in ${Math.ceil(retryAfter / 1000)} seconds.`);
  return name;
}

/**
 * Sets the count of a product in the cart. The page may repeat the request when it gets no answer, because it sends the new
 * count and not the difference. When two requests set the same field, the later one wins; sums need `storage.increment`.
 */
export function putIntoCart(session, id, body) {
  if (!session.name) throw new ShopError(401, "Log in first.");
  if (!PRODUCTS.some((product) => product.id === id)) throw new ShopError(404, "We do not sell this product.");
  const count = body?.count;
  if (!Number.isInteger(count) || count < 0 || count > MAX_COUNT) {
    throw new ShopError(400, `expected a count of 0 to ${MAX_COUNT}`);
  }
  if (count === 0) delete session[`item:${id}`];
  else session[`item:${id}`] = count;
  return { pid: process.pid, id, count };
}

/** Returns everything that the page shows. */
export async function stateFor(storage, session) {
  // The page must not go back in time when another worker gives the next answer. So this answer includes all writes that other
  // workers have shown, and no write that only this worker knows.
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
