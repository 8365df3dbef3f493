/**
 * Session objects that note which of their fields are assigned. Two requests that each assign what belongs together must not be
 * mixed because one of them assigned a value that was there before: a comparison cannot tell that this was a write.
 *
 * A field that has an object shows by the object that it was assigned. Any other one is a property with a getter and a setter. A `Proxy`
 * would note more, but could not be cloned or sent to a worker thread as session objects can, and makes express-session, which
 * hashes the session several times in a request, slower.
 */
import { inspect } from "node:util";

/** The fields of one session object, and which of them were assigned since the last write. */
interface State {
  /** What the setters were given, and the objects that the other fields had. */
  readonly values: Map<string, unknown>;
  readonly assigned: Set<string>;
}

const STATE = Symbol("cluster-storage.fields");

type Noting = Record<string, unknown> & { [STATE]?: State };

/** How many names have a property that is shared by all session objects, which keeps these objects fast. */
const MAX_SHARED_COUNT = 1000;
const shared = new Map<string, PropertyDescriptor>();

/** Gives a new session object fields whose assignments it notes, as its constructor would: those whose names it has not. */
export function addFields(session: object, fields: Readonly<Record<string, unknown>>): void {
  const noting = session as Noting;
  const { values } = stateOf(noting);
  for (const field of Object.keys(fields)) {
    if (!(field in noting)) note(noting, values, field, fields[field]);
  }
}

/** Makes a session object note from now on which of its fields, those that it has now, are assigned. Nothing counts as assigned. */
export function noteAssignments(session: object): void {
  const noting = session as Noting;
  const { values, assigned } = stateOf(noting);
  assigned.clear();
  for (const field of Object.keys(noting)) {
    if (field !== "cookie" && !hasNotingProperty(noting, field)) note(noting, values, field, noting[field]);
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
  const { values, assigned } = state;
  const isAssigned = (field: string): boolean => {
    const known = values.get(field);
    if (assigned.has(field) || (isObject(known) && known === noting[field])) return assigned.has(field);
    return !hasNotingProperty(noting, field);
  };
  return Object.keys(noting).filter((field) => field !== "cookie" && isAssigned(field));
}

function note(session: Noting, values: State["values"], field: string, value: unknown): void {
  values.set(field, value);
  if (!isObject(value)) Object.defineProperty(session, field, propertyOf(field));
  else if (session[field] !== value) session[field] = value;
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

function stateOf(session: Noting): State {
  const known = session[STATE];
  if (known !== undefined) return known;
  const state = { values: new Map(), assigned: new Set<string>() };
  Object.defineProperty(session, STATE, { value: state });
  Object.defineProperty(session, inspect.custom, { value: inspectFields, configurable: true, writable: true });
  return state;
}

function hasNotingProperty(session: Noting, field: string): boolean {
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
      if (!isObject(value) || value !== values.get(field)) assigned.add(field);
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
