/** The built-in objects of the language, and whether they are unchanged. */
import assert from "node:assert/strict";
import { EventEmitter } from "node:events";

const ROOTS: readonly object[] = [
  Object,
  Function,
  Array,
  String,
  Number,
  Boolean,
  Symbol,
  BigInt,
  Date,
  RegExp,
  Promise,
  Error,
  TypeError,
  RangeError,
  Map,
  Set,
  WeakMap,
  WeakSet,
  ArrayBuffer,
  Uint8Array,
  DataView,
  Proxy,
  Reflect,
  JSON,
  Math,
  Buffer,
  EventEmitter,
  Object.getPrototypeOf(async () => {}),
  Object.getPrototypeOf(function* () {}),
  Object.getPrototypeOf([][Symbol.iterator]()),
];

interface Shape {
  readonly prototype: object | null;
  readonly isExtensible: boolean;
  readonly properties: Map<PropertyKey, PropertyDescriptor>;
}

function shapeOf(object: object): Shape {
  const properties = new Map<PropertyKey, PropertyDescriptor>();
  for (const key of Reflect.ownKeys(object)) {
    properties.set(key, Reflect.getOwnPropertyDescriptor(object, key) as PropertyDescriptor);
  }
  return { prototype: Object.getPrototypeOf(object), isExtensible: Object.isExtensible(object), properties };
}

const isObject = (value: unknown): value is object =>
  (typeof value === "object" && value !== null) || typeof value === "function";

/** Everything that can be reached from the constructors of the language by properties and prototypes. */
export class Intrinsics {
  readonly #shapes = new Map<object, Shape>();

  constructor() {
    const left: unknown[] = [...ROOTS];
    while (left.length > 0) {
      const object = left.pop();
      if (!isObject(object) || this.#shapes.has(object)) continue;
      const shape = shapeOf(object);
      this.#shapes.set(object, shape);
      left.push(shape.prototype);
      for (const { value, get, set } of shape.properties.values()) left.push(value, get, set);
    }
  }

  get count(): number {
    return this.#shapes.size;
  }

  /** Fails when a property was added, changed or removed, or a prototype was exchanged. */
  check(): void {
    for (const [object, before] of this.#shapes) {
      const now = shapeOf(object);
      const maker: unknown = before.properties.get("constructor")?.value ?? object;
      const name = typeof maker === "function" ? maker.name : "an object without a constructor";
      assert.equal(now.prototype, before.prototype, name);
      assert.equal(now.isExtensible, before.isExtensible, name);
      assert.deepEqual([...now.properties.keys()], [...before.properties.keys()], name);
      for (const [key, descriptor] of before.properties) {
        const other = now.properties.get(key) as PropertyDescriptor;
        for (const part of Object.keys(descriptor) as (keyof PropertyDescriptor)[]) {
          assert.ok(Object.is(other[part], descriptor[part]), `${name}: ${part} of ${String(key)}`);
        }
      }
    }
  }
}
