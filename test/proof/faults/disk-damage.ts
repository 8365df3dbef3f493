/** What happens to the files while members have them open, and a call fails besides. */
import { segmentsIn } from "../../../dist/core/local/disk/file-names.js";
import type { Member } from "./disk-member.js";
import type { Stage } from "./disk-stage.js";

const DIRECTORY = "/data/app.db.d";

/** Two members, each of which has so many writes confirmed. */
export async function twoThatWrote(stage: Stage, count: number): Promise<[Member, Member]> {
  const first = await stage.opened();
  const second = await stage.opened();
  first.write(count);
  second.write(count);
  await stage.flushed(first);
  await stage.flushed(second);
  return [first, second];
}

/**
 * What members hold is damaged in the files while they have them open: all that is closed, a snapshot after which nothing came, and the
 * segment where a successor would go on.
 */
export async function playDamage(stage: Stage): Promise<void> {
  const healed = (count: number) =>
    stage.until(`damage is reported ${count} times`, () => stage.errors.filter(isDamage).length >= count);
  const [first, second] = await twoThatWrote(stage, 8);
  await stage.pass(100);
  // Nothing is closed yet where the fault kept the log in one segment.
  const closed = closedFiles(stage);
  for (const path of closed) flip(stage, path, 60);
  first.write(12);
  await stage.flushed(first);
  if (closed.length > 0) await healed(1);
  await stage.pass(500);
  for (const path of closedFiles(stage)) flip(stage, path, 60);
  const third = await stage.opened();
  await stage.pass(500);
  for (const member of [second, third]) member.write(3);
  for (const member of [second, third]) await stage.flushed(member);
  for (const member of [second, third]) await stage.synced(member);
  // With its last batch intact, a member that holds that would go on from there.
  const newest = newestSegment(stage);
  flip(stage, newest, 1);
  flip(stage, newest, (stage.disk.find(newest)?.content.length ?? 1) - 1);
  stage.kill(first);
  second.write(3);
  await stage.flushed(second);
  await stage.synced(third);
  // Whoever joins reads all: so nothing that is damaged is left when the members end.
  await stage.opened();
}

/** A segment is missing before the one in which a successor would go on. */
export async function playMissing(stage: Stage): Promise<void> {
  const [first, second] = await twoThatWrote(stage, 2);
  const third = await stage.opened();
  stage.kill(first);
  second.write(1);
  await stage.flushed(second);
  await stage.synced(third);
  for (const path of closedFiles(stage)) stage.disk.unlink(path);
  const [manager, last] = second.isManager ? [second, third] : [third, second];
  stage.kill(manager);
  last.write(2);
  await stage.flushed(last);
  await stage.opened();
}

const isDamage = ({ code }: NodeJS.ErrnoException) => code === "ERR_STORAGE_DAMAGED";

/** The snapshots, and the segments but for the newest one. */
function closedFiles(stage: Stage): string[] {
  const names = stage.disk.list(DIRECTORY).filter((name) => /^(snapshot|log)\./.test(name));
  return names.map((name) => `${DIRECTORY}/${name}`).filter((path) => path !== newestSegment(stage));
}

function newestSegment(stage: Stage): string {
  const names = stage.disk.list(DIRECTORY);
  const { epoch, segment } = segmentsIn(names)[0] as { epoch: number; segment: number };
  return `${DIRECTORY}/log.${epoch}.${segment}`;
}

/** Changes a bit of a byte. */
function flip(stage: Stage, path: string, at: number): void {
  stage.brokenPaths.add(path);
  const inode = stage.disk.find(path);
  const byte = inode?.content[at] ?? 0;
  inode?.write(Buffer.of(byte ^ 1), at);
  inode?.sync();
}
