import assert from "node:assert/strict";
import { describe, it } from "node:test";
import { curves, readme, type Table, tables, targets, units } from "./report.js";

const { show, showTimes } = units;
const table: Table = {
  title: "reading",
  unit: "ns",
  limit: "Map",
  rows: [
    { name: "Map", rounds: [10, 12, 11] },
    { name: "ours", rounds: [20, 24, 44], note: "hot" },
    { name: "redis", absent: "no server" },
  ],
  targets: [
    { row: "ours", atMost: 3, times: "Map" },
    { row: "ours", atMost: 12 },
    { row: "ours", atMost: 1, times: "redis" },
  ],
};

describe("a figure", () => {
  it("has three digits in the largest unit that leaves one", () => {
    assert.deepEqual(
      [0.5, 23, 999, 1_000, 70_400, 2_340_000, 12_345_678_900].map((value) => show(value, "ns")),
      ["0.5 ns", "23 ns", "999 ns", "1 us", "70.4 us", "2.34 ms", "12.3 s"],
    );
    assert.equal(show(103_456_789, "bytes"), "103 MB");
    assert.equal(show(-2_500, "bytes"), "-2.5 KB");
    assert.equal(show(0, "bytes"), "0 B");
    assert.equal(show(412_345.6, "/s"), "412,346/s");
    assert.equal(showTimes(1 / 15), "0.067x");
    assert.equal(showTimes(1_273.4), "1,273x");
  });
});

describe("a target", () => {
  it("bounds the median of its row", () => {
    assert.equal(targets.shareReached({ row: "ours", atMost: 12 }, table), 0.5);
    assert.equal(targets.shareReached({ row: "ours", atLeast: 48 }, table), 0.5);
  });
  it("bounds the ratio to another row, round by round", () => {
    assert.equal(targets.shareReached({ row: "ours", atMost: 3, times: "Map" }, table), 1.5);
    assert.equal(targets.shareReached({ row: "ours", atLeast: 4, times: "Map" }, table), 0.5);
  });
  it("says nothing when one of its rows was not measured", () => {
    assert.equal(targets.shareReached({ row: "ours", atMost: 1, times: "redis" }, table), null);
    assert.equal(targets.shareReached({ row: "redis", atMost: 1 }, table), null);
  });
  it("of a row that is not there is a mistake, not a pass", () => {
    assert.throws(() => targets.shareReached({ row: "our", atMost: 1 }, table), /expected a row "our" in "reading"/);
    assert.throws(() => targets.shareReached({ row: "ours", atMost: 1, times: "map" }, table), /"map"/);
  });
});

describe("a table", () => {
  it("shows each row with its spread, its ratio to the limit and what it reaches of its targets", () => {
    assert.equal(
      tables.showTable(table),
      `
### reading (the limit: Map)

| what       | median            | spread | to the limit | to reach                         | reached                 |
|------------|-------------------|--------|--------------|----------------------------------|-------------------------|
| Map        | 11 ns             | ± 1 ns | 1x           |                                  |                         |
| ours (hot) | 24 ns             | ± 4 ns | 2x           | <= 3x Map, <= 12 ns, <= 1x redis | yes, 50 %, not measured |
| redis      | absent: no server |        |              |                                  |                         |`,
    );
  });
  it("leaves out columns that nothing stands in", () => {
    const bare = tables.showTable({ title: "t", unit: "/s", rows: [{ name: "a", rounds: [1] }] });
    assert.match(bare, /\| what \| median \| spread \|\n/);
  });
});

describe("a curve", () => {
  it("shows the medians by size and how they grow", () => {
    const points = [10, 100, 1_000].map((x) => ({ x, rounds: [x, x * 2, x * 3] }));
    const text = curves.showCurve({ title: "c", x: "keys", unit: "ns", series: [{ name: "ours", points }] });
    assert.match(text, /\| keys +\| 10 +\| 100 +\| 1,000 +\| grows +\|/);
    assert.match(text, /\| ours +\| 20 ns +\| 200 ns +\| 2 us +\| ~ n\^1\.00 +\|/);
  });
  it("says that there is no fit where there is none", () => {
    const series = [{ name: "ours", points: [{ x: 1, rounds: [1] }] }];
    assert.match(curves.showCurve({ title: "c", x: "keys", unit: "ns", series }), /no fit/);
  });
});

describe("the figures of the documents", () => {
  it("are the rows that have a target, beside the others", () => {
    const ours = { name: "cluster-storage", rounds: [20, 22, 24] };
    const rows = [{ name: "Map", rounds: [10, 11, 12] }, ours, { name: "redis", absent: "no server" }];
    const get = { title: "get", unit: "ns", rows, targets: [{ row: "cluster-storage", atMost: 1, times: "Map" }] };
    const text = readme.showFigures({ get: { machine: "a machine; linux; Node.js v20; lmdb 3", tables: [get] } });
    assert.match(text, /on a machine; linux; Node\.js v20\.\n/);
    assert.match(text, /\| get +\| 22 ns +\| <= 1x Map \(50 % of it\) +\| Map 11 ns +\|/);
  });
});
