/** What members do while a call fails: together these reach every place where the engine calls its files. */

import assert from "node:assert/strict";
import { join } from "node:path";
import { shelterDirectory } from "../../../dist/core/local/machine/address.js";
import { CLOSED, flipped, SNAPSHOT, storage, withFile } from "../../core/local/disk/corrupted.js";
import { load, machineOf, place } from "../../core/local/disk/stored.js";
import type { MemoryFiles } from "../../core/local/machine/memory-files.js";
import { recoverForHub } from "../../core/local/upkeep/at-once.js";
import { playDamage, playMissing, twoThatWrote } from "./disk-damage.js";
import type { Member } from "./disk-member.js";
import type { Fault, Seam } from "./disk-seam.js";
import { type Ending, Stage } from "./disk-stage.js";

const DIRECTORY = "/data/app.db.d";
/** ms in which a manager from before the restart counts as dead, and some more. */
const LEASE_MS = 6000;

export interface Scene {
  readonly stage: (seed: number) => Stage;
  readonly play: (stage: Stage) => Promise<void>;
}

/** Opened, written, compacted, closed, opened again. */
async function playLife(stage: Stage): Promise<void> {
  const first = await stage.opened();
  first.write(12);
  await stage.flushed(first);
  await stage.pass(100);
  await stage.left(first);
  const second = await stage.opened();
  second.write(3);
  await stage.flushed(second);
}

/** A manager killed in the middle of a write, another takes over and compacts, a third one joins from the files. */
async function playFailover(stage: Stage): Promise<void> {
  const [first, second] = await twoThatWrote(stage, 3);
  tearEnd(stage);
  stage.kill(first);
  second.write(8);
  await stage.flushed(second);
  await stage.pass(100);
  const third = await stage.opened();
  third.write(3);
  await stage.flushed(third);
  stage.kill(second);
  third.write(2);
  await stage.flushed(third);
}

/** What an interrupted write leaves, torn ends from before, and a segment that a snapshot covers. */
function tearEnd(stage: Stage): void {
  const newest = stage.disk
    .list(DIRECTORY)
    .filter((name) => name.startsWith("log."))
    .sort()
    .at(-1);
  const path = `${DIRECTORY}/${newest}`;
  stage.brokenPaths.add(path);
  const inode = stage.disk.find(path);
  inode?.write(Buffer.alloc(40, 1), inode.bytes);
  stage.brokenPaths.add(`${DIRECTORY}/log.0.1`);
  for (const name of ["hub.ab", "tmp.0.ab", "log.0.1", "torn.0.1", "torn.0.2", "torn.0.3", "torn.0.4"]) {
    stage.put(`${DIRECTORY}/${name}`, Buffer.alloc(1));
  }
}

/** All members are killed and the machine is started again: the seat is from before. */
async function playRestart(stage: Stage): Promise<void> {
  const first = await stage.opened();
  first.write(3);
  await stage.flushed(first);
  stage.kill(first);
  stage.bootId = "another boot";
  stage.patienceMs = LEASE_MS;
  const second = await stage.opened();
  second.write(12);
  await stage.flushed(second);
  await stage.pass(2500);
  second.write(1);
  await stage.flushed(second);
}

async function playAdoption(stage: Stage): Promise<void> {
  const member = await stage.opened();
  await playOn(stage, member);
}

async function playOn(stage: Stage, member: Member): Promise<void> {
  member.checkAll();
  member.write(3);
  await stage.flushed(member);
  await stage.left(member);
  await stage.opened();
}

/** Damaged files, of which what is intact is kept, and a member reports that. */
async function playSalvage(stage: Stage): Promise<void> {
  const member = await stage.opened();
  const isTold = () => stage.errors.some(({ message }) => message.includes("corrupt files were kept aside"));
  await stage.until("a member reports the damage", isTold);
  const aside = stage.disk.list(DIRECTORY).filter((name) => name.startsWith("corrupt."));
  const kept = new Set(aside.map((name) => name.split(".").slice(2).join(".")));
  assert.deepEqual([...kept].sort(), ["log.1.2", "snapshot.10"], "the damaged files are not kept aside");
  await playOn(stage, member);
}

/** One member removes everything while another has it open, then the last one does; then the next storage is removed too. */
async function playRemoval(stage: Stage): Promise<void> {
  const [first, second] = await twoThatWrote(stage, 3);
  await stage.left(second);
  await stage.left(first, true);
  const third = await openedAnew(stage);
  await stage.left(third, true);
  await openedAnew(stage);
}

/** What was removed, opened and written to. */
async function openedAnew(stage: Stage): Promise<Member> {
  const member = await stage.opened();
  if (!stage.ledger.mayBeVoid) assert.deepEqual(member.replica.keys(), [], "what was removed exists again");
  else if (member.replica.keys().length === 0) stage.ledger.clear();
  stage.ledger.mayBeVoid = false;
  member.write(2);
  await stage.flushed(member);
  return member;
}

/** A storage that is gone with its last member, also when that is killed. */
async function playPassing(stage: Stage): Promise<void> {
  const [first, second] = await twoThatWrote(stage, 4);
  stage.kill(first);
  second.write(8);
  await stage.flushed(second);
  const third = await stage.opened();
  const fourth = await stage.opened();
  await stage.left(third);
  stage.kill(second);
  stage.kill(fourth);
  await stage.pass(50);
  stage.ledger.mayBeVoid = true;
  const last = await stage.opened();
  if (last.replica.keys().length === 0) stage.ledger.clear();
  else assert(stage.isLifeUnknown, "what all members took with them is there again");
  stage.ledger.mayBeVoid = false;
  last.write(2);
  await stage.flushed(last);
  await stage.left(last);
  stage.ledger.mayBeVoid = true;
  const next = await stage.opened();
  if (next.replica.keys().length === 0) stage.ledger.clear();
  stage.ledger.mayBeVoid = false;
  next.write(1);
  await stage.flushed(next);
}

function stageOf(seed: number, options = {}): Stage {
  return new Stage(seed, options);
}

/** A machine with files, and what is in them. */
export function stageWith(
  seed: number,
  files: MemoryFiles,
  entries: Iterable<readonly [string, unknown]>,
  options = {},
): Stage {
  const stage = stageOf(seed, options);
  stage.disk.makeDirectory(DIRECTORY);
  for (const [path, { content }] of files.names) {
    stage.put(path, content);
    stage.brokenPaths.add(path);
  }
  for (const directory of ["/data", DIRECTORY]) stage.disk.syncDirectory(directory);
  stage.ledger.begin(entries);
  return stage;
}

function stageWithCopy(seed: number, content: Buffer, entries: Iterable<readonly [string, unknown]>): Stage {
  const stage = stageOf(seed);
  stage.put("/data/app.db", content);
  stage.disk.syncDirectory("/data");
  stage.ledger.begin(entries);
  return stage;
}

/** Another storage of this user was removed before. */
function stageWithEnd(seed: number): Stage {
  const stage = stageOf(seed);
  stage.disk.makeDirectory(shelterDirectory());
  stage.put(join(shelterDirectory(), `tombstone.${"0".repeat(32)}.1`), Buffer.alloc(0));
  return stage;
}

const VERSION_1 = { data: { user: { name: "ann", tags: ["x", "y"] }, hits: 3 }, lives: { "user.name": 0 } };

/** What is in files, by the pure functions: top-level keys and values; of damaged files, what a salvage keeps. */
function entriesIn(files: MemoryFiles): [string, unknown][] {
  const copy = files.afterCrash();
  const recovered = recoverForHub(machineOf(copy), place, 9, { recover: "salvage" }, null);
  const { text } = load(copy, recovered);
  return (JSON.parse(text) as string[]).map((slot) => {
    const [key = "", ...json] = slot.split(" ");
    return [key, JSON.parse(json.join(" "))];
  });
}

function snapshotOnly(): MemoryFiles {
  const files = storage.afterCrash();
  for (const path of [...files.names.keys()]) if (path !== SNAPSHOT) files.unlink(path);
  return files;
}

function damaged(): MemoryFiles {
  const path = CLOSED[0] as string;
  const content = storage.get(path);
  const files = withFile(path, flipped(content, content.indexOf("written by 13"), 1));
  files.put(SNAPSHOT, flipped(storage.get(SNAPSHOT), storage.get(SNAPSHOT).length - 100, 1));
  return files;
}

export const SCENES: Readonly<Record<string, Scene>> = {
  life: { stage: (seed) => stageOf(seed), play: playLife },
  "life with everysec": { stage: (seed) => stageOf(seed, { fsync: "everysec" }), play: playRestart },
  failover: { stage: (seed) => stageOf(seed), play: playFailover },
  "failover with everysec": { stage: (seed) => stageOf(seed, { fsync: "everysec" }), play: playFailover },
  restart: { stage: (seed) => stageOf(seed), play: playRestart },
  import: {
    stage: (seed) => stageWithCopy(seed, Buffer.from(JSON.stringify(VERSION_1)), Object.entries(VERSION_1.data)),
    play: playAdoption,
  },
  adoption: {
    stage: (seed) => stageWithCopy(seed, storage.get(SNAPSHOT), entriesIn(snapshotOnly())),
    play: playAdoption,
  },
  salvage: {
    stage: (seed) => stageWith(seed, damaged(), entriesIn(damaged()), { recover: "salvage" }),
    play: playSalvage,
  },
  damage: { stage: (seed) => stageOf(seed), play: playDamage },
  missing: { stage: (seed) => stageOf(seed), play: playMissing },
  removal: { stage: stageWithEnd, play: playRemoval },
  passing: { stage: (seed) => stageOf(seed, { persist: false }), play: playPassing },
  "life without threads": { stage: (seed) => stageOf(seed, { hasThreads: false }), play: playLife },
};

/** Plays a scene with a fault; returns what was seen of the files, and what was wrong. */
export async function perform(
  scene: Scene,
  seed: number,
  fault: Fault | null,
  ending: Ending,
): Promise<{ seam: Seam; failure: Error | null }> {
  const stage = scene.stage(seed);
  stage.seam.fault = fault;
  try {
    await scene.play(stage);
    await stage.finish(ending);
  } catch (error) {
    stage.failure ??= error as Error;
  }
  return { seam: stage.seam, failure: stage.failure };
}
