/** A small session by cookie: one top-level key per session, by an array path, so that any id is a plain key. */
import { randomUUID } from "node:crypto";

const COOKIE = "demo";
const LIFETIME_MS = 30 * 60 * 1000;
const ID = /^[0-9a-f-]{36}$/;

function idFrom(header = "") {
  for (const pair of header.split(";")) {
    const [name, value] = pair.trim().split("=");
    if (name === COOKIE && ID.test(value ?? "")) return value;
  }
  return null;
}

/** The session of a request; a new one when there is none or it has expired. */
export async function openSession(storage, request, response) {
  const known = idFrom(request.headers.cookie);
  if (known !== null && storage.touch([`session:${known}`], LIFETIME_MS)) {
    return { id: known, key: `session:${known}` };
  }
  const id = randomUUID();
  const session = { id, key: `session:${id}` };
  storage.set([session.key], { visits: 0, name: null }, LIFETIME_MS);
  await storage.flush(); // the next request may go to another worker
  response.setHeader("set-cookie", `${COOKIE}=${id}; HttpOnly; SameSite=Lax; Path=/`);
  return session;
}

/** Counts a visit; resolves with the number of visits once it is confirmed. */
export function visit(storage, session) {
  return storage.increment([session.key, "visits"]);
}
