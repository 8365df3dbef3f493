/** What the first read of a value costs, and a read after a write of a sibling in a wide container. */
import assert from "node:assert/strict";
import { compare } from "../measure/compare.mjs";
import { objectOf } from "../measure/samples.mjs";
import { withScratch } from "../measure/scratch.mjs";
import { Storage } from "../subject.mjs";

const ROUNDS = 9;
const SIZES_BYTES = [100, 1_000, 10_000, 100_000];
const WIDTHS = [100, 1_000, 10_000, 100_000];
/** Bytes that are written again before each round of first reads. */
const ROUND_BYTES = 2_000_000;
const MAX_VALUES = 2_000;
/** Pairs of a write and a read in one tick. */
const PER_TICK = 500;

export const title = "Reading for the first time, and after a write";
export const says =
  "A value stays JSON text until it is read: the first get parses and freezes it. The limit is JSON.parse of the same texts. Then: set of one child and get of another in a container with many children; what it costs must not grow with their number. Last, a get of the whole container behind each write of a child, which has to copy one level.";
export const packages = [];

/** Case of `count` first reads of values of so many bytes, each of them written by `between`. */
function firstReads(storage, bytes, prefix) {
  const count = Math.max(4, Math.min(MAX_VALUES, Math.round(ROUND_BYTES / bytes)));
  const value = objectOf(bytes);
  const keys = Array.from({ length: count }, (_, index) => `${prefix}${bytes}:${index}`);
  const write = () => {
    for (const key of keys) storage.set(key, value);
    return storage.flush();
  };
  const run = (wanted) => {
    for (let index = 0; index < wanted; index++) storage.get(keys[index]);
  };
  const check = () => assert.deepEqual(storage.get(keys[0]), value);
  return { name: "cluster-storage, first get", run, between: write, maxCount: count, write, check };
}

function parses(bytes) {
  const text = JSON.stringify(objectOf(bytes));
  let last = null;
  const run = (count) => {
    for (let index = 0; index < count; index++) last = JSON.parse(text);
    return last === null ? undefined : undefined;
  };
  return { name: "JSON.parse", run };
}

async function measureSizes(storage, rounds) {
  const series = { "JSON.parse": [], "cluster-storage, first get": [] };
  const tables = [];
  for (const bytes of SIZES_BYTES) {
    const ours = firstReads(storage, bytes, "first");
    await ours.write();
    const figures = await compare([parses(bytes), ours], rounds);
    ours.check();
    for (const [name, points] of Object.entries(series)) points.push({ x: bytes, rounds: figures.get(name) });
    const rows = [...figures].map(([name, rounds]) => ({ name, rounds }));
    tables.push({
      title: `First get of an object of ${bytes.toLocaleString("en")} bytes of JSON`,
      unit: "ns",
      limit: "JSON.parse",
      rows,
    });
  }
  const curve = {
    title: "First get by the size of the value",
    x: "bytes of JSON",
    unit: "ns",
    series: seriesOf(series),
  };
  return { tables, curve };
}

const seriesOf = (byName) => Object.entries(byName).map(([name, points]) => ({ name, points }));

/** A set of one child and a get of another in a container of so many children. */
function siblings(storage, width, isWhole) {
  const key = `wide${width}`;
  const written = Array.from({ length: PER_TICK }, (_, index) => [key, `child${index % (width / 2)}`]);
  const read = isWhole ? [key] : [key, `child${width - 1}`];
  let writtenCount = 0;
  const run = (count) => {
    for (let index = 0; index < count; index++) {
      storage.set(written[index % PER_TICK], { n: ++writtenCount });
      storage.get(read);
    }
  };
  const maxCount = isWhole ? Math.max(2, Math.min(PER_TICK, 200_000 / width)) : PER_TICK;
  const check = () => {
    assert.equal(Object.keys(storage.get([key])).length, width);
    assert.ok(Object.values(storage.get([key])).some(({ n }) => n === writtenCount));
  };
  return { run, between: () => storage.flush(), maxCount, check };
}

async function fillWide(storage, width) {
  const children = Object.fromEntries(Array.from({ length: width }, (_, index) => [`child${index}`, { n: 0 }]));
  storage.set([`wide${width}`], children);
  await storage.flush();
}

async function measureWidths(storage, rounds) {
  const names = ["set of a child, get of another", "set of a child, get of the whole"];
  const series = Object.fromEntries(names.map((name) => [name, []]));
  for (const width of WIDTHS) {
    for (const [index, name] of names.entries()) {
      await fillWide(storage, width); // never read as a whole
      const ours = { name, ...siblings(storage, width, index === 1) };
      const figures = await compare([ours], rounds);
      ours.check();
      series[name].push({ x: width, rounds: figures.get(name) });
    }
  }
  return {
    title: "A write and a read in a wide container, per pair",
    x: "children",
    unit: "ns",
    series: seriesOf(series),
  };
}

export const measure = ({ rounds }) =>
  withScratch(async (path) => {
    const storage = await Storage.open("bench", { path });
    const { tables, curve } = await measureSizes(storage, rounds(ROUNDS));
    const widths = await measureWidths(storage, rounds(ROUNDS));
    await storage.close();
    return { tables, curves: [curve, widths] };
  });
