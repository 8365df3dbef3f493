/** Damages the files of a small storage while members have it open, and judges what becomes of it. */
import assert from "node:assert/strict";
import { MemoryFiles } from "../../core/local/machine/memory-files.js";
import type { Damage } from "./bytes-damage.js";
import type { Member } from "./disk-member.js";
import { Stage } from "./disk-stage.js";

const DIRECTORY = "/data/app.db.d";
/** ms in which a manager has looked at its files. */
const LOOK_MS = 2500;
/** What a damaged file can be: of the log, or the seat. */
const DAMAGED_NAME = /^(?:snapshot|log|seat)\./;

/** Small, so that a compaction can be had, and large, so that none comes by itself. */
const COMPACT_AFTER_BYTES = 6000;

/** How the damage is met: each of these is enough. */
export const TRIGGERS = ["join", "fold", "close", "failover"] as const;
export type Trigger = (typeof TRIGGERS)[number];

/** The same machine each time, so that its files have the same bytes. */
const SEED = 1;

/** A storage with a snapshot, a closed segment and an open one, and two members: the manager and another one. */
async function begin(): Promise<{ stage: Stage; manager: Member; other: Member }> {
  const stage = new Stage(SEED, { compactAfterBytes: COMPACT_AFTER_BYTES });
  stage.isDamaged = true;
  const first = await stage.opened();
  first.write(2);
  await stage.flushed(first);
  await stage.left(first);
  const second = await stage.opened();
  const manager = await stage.opened();
  second.write(2);
  await stage.flushed(second);
  stage.kill(second);
  manager.write(2);
  await stage.flushed(manager);
  const other = await stage.opened();
  other.write(1);
  await stage.flushed(other);
  await stage.pass(LOOK_MS);
  return { stage, manager, other };
}

/** The files of the storage, which a damage may hit. */
function filesOf({ disk }: Stage): MemoryFiles {
  const files = new MemoryFiles();
  for (const name of disk
    .list(DIRECTORY)
    .filter((found) => DAMAGED_NAME.test(found))
    .sort())
    files.put(`${DIRECTORY}/${name}`, Buffer.from(disk.find(`${DIRECTORY}/${name}`)?.content ?? []));
  return files;
}

/** What a storage looks like before it is damaged. */
export async function sample(): Promise<MemoryFiles> {
  return filesOf((await begin()).stage);
}

/** Lets a damage happen to the files of a stage, in place: processes that have a file open see it. */
function strike(stage: Stage, damage: Damage): void {
  const before = filesOf(stage);
  const after = before.afterCrash();
  damage.apply(after);
  for (const path of damage.paths) {
    const inode = stage.disk.find(path);
    const content = after.names.get(path)?.content;
    if (content === undefined) stage.disk.unlink(path);
    else if (inode !== undefined && !content.equals(before.get(path))) {
      inode.truncate(0);
      inode.write(content, 0);
      inode.sync();
    }
  }
}

async function meet(stage: Stage, trigger: Trigger, manager: Member, other: Member): Promise<void> {
  switch (trigger) {
    case "join":
      (await stage.opened()).checkAll();
      break;
    case "fold":
      for (let round = 0; round < 8; round++) {
        manager.write(8);
        await stage.flushed(manager);
      }
      break;
    case "failover":
      stage.kill(manager);
      other.write(1);
      await stage.flushed(other);
      (await stage.opened()).checkAll();
      break;
    default:
      for (const member of [...stage.cast]) {
        await stage.left(member);
        assert.equal(member.refusal, null, `${member.name} cannot close: ${member.refusal?.stack}`);
      }
  }
}

/**
 * Damages a storage while members are open, lets them meet it, and ends all of them at once. What was confirmed must be there then.
 * @returns whether the damage was met, as a word.
 */
export async function judgeOpen(damage: Damage, trigger: Trigger): Promise<string> {
  const { stage, manager, other } = await begin();
  strike(stage, damage);
  await meet(stage, trigger, manager, other);
  await stage.pass(LOOK_MS);
  for (const member of stage.cast) assert.ifError(member.failure);
  for (const member of stage.cast) member.checkAll();
  const told = stage.errors.filter((error) => (error as NodeJS.ErrnoException).code === "ERR_STORAGE_DAMAGED");
  assert.ok(told.length <= 1, `damage is reported more than once: ${told.join("\n")}`);
  for (const member of [...stage.cast]) stage.kill(member);
  const cold = await stage.opened();
  assert.ifError(cold.failure);
  cold.checkAll();
  return told.length > 0 ? "healed" : "not met";
}
