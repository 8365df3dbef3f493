/** Paths and values that aim at prototypes, at the limits, and at the code that reads them. */
import { MAX_ARRAY_LENGTH, MAX_DEPTH } from "../../../dist/core/log/limits.js";
import type { Replica } from "../../../dist/core/replica/replica.js";
import { nested } from "./streams.js";

/** The error that a hostile value throws when it is read. */
export const MINE = new Error("mine");
const throwMine = (): never => {
  throw MINE;
};
const revoked = (() => {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
})();

/** Paths below the top level, or no paths at all, that are refused by every call. */
export const REFUSED_PATHS: unknown[] = [
  "a.__proto__",
  "a.__proto__.x",
  'a["__proto__"].x',
  "a[__proto__]",
  "__proto__.__proto__",
  "a.b.__proto__.toString",
  ["a", "__proto__"],
  [["__proto__"], "x"],
  [["a"], "b"],
  ["a", ["__proto__"]],
  [{ toString: () => "__proto__" }, "x"],
  ["a", new String("__proto__")],
  [Symbol("a")],
  [Symbol.iterator],
  [null],
  [undefined],
  [NaN],
  [Infinity],
  [],
  new Array(3),
  null,
  undefined,
  5,
  true,
  Symbol("a"),
  {},
  { length: 1, 0: "a" },
  () => "a",
  new String("a"),
  new Map(),
  revoked,
];

/** Paths that name a prototype's members and are plain keys here. */
export const PLAIN_PATHS: unknown[] = [
  "__proto__",
  "__proto__.x",
  "constructor.prototype.x",
  "toString.p",
  "hasOwnProperty.call",
  "a.constructor.prototype.p",
  "a.constructor.name",
  "valueOf.name",
  "a.length",
  "a[0].length",
  "prototype",
  ["__proto__", "toString"],
  ["a", "0"],
  ["constructor", "constructor"],
  ["a", "isPrototypeOf", "x"],
  ["a", -0],
  ["a", 1e21],
  ["\ud800", "\udc00"],
  ["", ""],
  "[]",
  `a[${MAX_ARRAY_LENGTH - 1}]`,
  `a[${MAX_ARRAY_LENGTH}]`,
  "a[4294967294]",
  "a[4294967295]",
  "a[-1]",
  "a[1e3]",
  "a",
  "a.b",
];

/** Values that JSON carries or converts; each as a function that creates it, since some can be used only once. */
export const VALUES: ((replica: Replica) => unknown)[] = [
  () => JSON.parse('{"__proto__":{"polluted":1},"a":{"__proto__":{"toString":null}}}'),
  () => JSON.parse('[{"__proto__":[]},{"constructor":{"prototype":{"x":1}}}]'),
  () => ({ toJSON: () => JSON.parse('{"__proto__":1,"toJSON":2}') }),
  () => ({ toJSON: (key: string) => `key ${key}` }),
  () => ({ toJSON: 5, valueOf: 6, hasOwnProperty: 7, length: -1 }),
  (replica) => ({
    get a() {
      replica.set("a", "from inside");
      return 1;
    },
  }),
  (replica) => ({
    get a() {
      replica.clear();
      return [1];
    },
    b: 2,
  }),
  (replica) => ({
    toJSON: () => {
      replica.batch(() => {
        replica.delete("a");
        replica.set("b.c", 1);
      });
      return { c: 1 };
    },
  }),
  () => new Proxy({ a: 1 }, {}),
  () => new Proxy([1, 2], { get: (target, key) => (key === "length" ? 3 : Reflect.get(target, key)) }),
  () => Object.assign(Object.create({ inherited: 1 }), { own: 1 }),
  () => Object.assign([1, 2], { extra: 3 }),
  () => Object.assign(new Array(3), { 1: undefined, 2: () => 1 }),
  () => [-0, 2 ** 53, 2 ** 53 + 2, 5e-324, Number.MAX_VALUE, NaN, Infinity, JSON.parse("1e400")],
  () => ["\ud800", "\udc00", "\ud83d\ude00", "\0", "\u2028"],
  () => ({ "\ud800": { "\ud800": 1 }, "": { "": "" }, 4294967295: 1, "-0": 0 }),
  () => [new Date(Number.NaN), new Date(0), new Map([[1, 2]]), /x/g, new Error("x"), Buffer.from("x")],
  () => new Number(5),
  () => new String("x"),
  () => null,
  () => true,
  () => -0,
  () => "",
];

/** Values that are refused, or that throw by themselves. */
export const REFUSED_VALUES: ((replica: Replica) => unknown)[] = [
  () => undefined,
  () => () => 1,
  () => Symbol("a"),
  () => 5n,
  () => [5n],
  () => revoked,
  () => ({ toJSON: () => undefined }),
  () => {
    const cycle: Record<string, unknown> = {};
    cycle.a = { cycle };
    return cycle;
  },
  () => ({
    get a() {
      return throwMine();
    },
  }),
  () => ({ toJSON: throwMine }),
  () => new Proxy({}, { ownKeys: throwMine }),
  () => new Proxy({ a: 1 }, { get: throwMine }),
  (replica) => ({
    a: {
      get b() {
        replica.set("b", "before it throws");
        return throwMine();
      },
    },
  }),
  () => JSON.parse(nested(MAX_DEPTH + 1)),
  () => JSON.parse(nested(6000)),
  () => "x".repeat(1 << 20),
];
