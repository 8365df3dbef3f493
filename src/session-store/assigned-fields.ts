/**
 * Session objects that note which of their fields are assigned. Two requests that each assign what belongs together must not be
 * mixed because one of them assigned a value that was there before: a comparison cannot tell that this was a write.
 *
 * Each field is a property with a getter and a setter. A `Proxy` would note more, but could not be cloned or sent to a worker
 * thread as session objects can, and makes express-session, which hashes the session several times in a request, slower.
 */
import { inspect } from "node:util";

/** The fields of one session object, and which of them were assigned since the last write. */
interface State {
  readonly values: Map<string, unknown>;
  readonly assigned: Set<string>;
}

const STATE = Symbol("cluster-storage.fields");

type Noting = Record<string, unknown> & { [STATE]?: State };

/** How many names have a property that is shared by all session objects, which keeps these objects fast. */
const MAX_SHARED_COUNT = 1000;
const shared = new Map<string, PropertyDescriptor>();

/** Makes a session object note from now on which of its fields, those that it has now, are assigned. Nothing counts as assigned. */
export function noteAssignments(session: object): void {
  const noting = session as Noting;
  noting[STATE] ?? begin(noting);
  const { values, assigned } = noting[STATE] as State;
  assigned.clear();
  for (const field of Object.keys(noting)) {
    if (field === "cookie" || isNoted(noting, field)) continue;
    values.set(field, noting[field]);
    Object.defineProperty(noting, field, propertyOf(field));
  }
}

/**
 * Returns the fields of a session object that were assigned since the last call of `noteAssignments`, or removed and created again.
 * The very object that a field had is no new value.
 */
export function assignedFields(session: object): readonly string[] {
  const noting = session as Noting;
  const state = noting[STATE];
  if (state === undefined) return [];
  const isAssigned = (field: string) => state.assigned.has(field) || !isNoted(noting, field);
  return Object.keys(noting).filter((field) => field !== "cookie" && isAssigned(field));
}

function begin(session: Noting): void {
  Object.defineProperty(session, STATE, { value: { values: new Map(), assigned: new Set() } });
  Object.defineProperty(session, inspect.custom, { value: inspectFields, configurable: true, writable: true });
}

function isNoted(session: Noting, field: string): boolean {
  const { get } = Object.getOwnPropertyDescriptor(session, field) as PropertyDescriptor;
  return get !== undefined && getters.has(get);
}

const getters = new WeakSet<() => unknown>();

function propertyOf(field: string): PropertyDescriptor {
  const known = shared.get(field);
  if (known !== undefined) return known;
  const created = createProperty(field);
  if (shared.size < MAX_SHARED_COUNT) shared.set(field, created);
  return created;
}

function createProperty(field: string): PropertyDescriptor & { get: () => unknown } {
  const property = {
    configurable: true,
    enumerable: true,
    get(this: Noting): unknown {
      return this[STATE]?.values.get(field);
    },
    set(this: Noting, value: unknown): void {
      if (!Object.hasOwn(this, STATE)) {
        // An object that has the session as its prototype gets a field of its own.
        Object.defineProperty(this, field, { value, configurable: true, enumerable: true, writable: true });
        return;
      }
      const { values, assigned } = this[STATE] as State;
      if (typeof value !== "object" || value === null || value !== values.get(field)) assigned.add(field);
      values.set(field, value);
    },
  };
  getters.add(property.get);
  return property;
}

/** What is shown instead of the session object: the same one, with values instead of getters. */
function inspectFields(this: object): object {
  return Object.assign(Object.create(Object.getPrototypeOf(this)), this);
}
