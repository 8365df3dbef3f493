/**
 * Who has a storage open that does not persist: its files are void once nobody has, also when all were killed at once.
 */
import { join } from "node:path";
import type { Machine, Place } from "./machine.js";
import { segmentPath, segmentsIn, snapshotPath, snapshotsIn } from "./names.js";

const PRESENCE_NAME = /^member\.(\d+)\.([0-9a-f]+)$/;

const presencePath = (place: Place, pid: number, member: string): string =>
  join(place.directory, `member.${pid}.${member}`);

/** Shows that a member of this process has the storage open. */
export function enter({ files, identity }: Machine, place: Place, member: string): void {
  // The last member may just have removed the directory.
  files.makeDirectory(place.directory);
  files.close(files.open(presencePath(place, identity.pid, member), "create"));
}

/** It has not any more. */
export function leave({ files, identity }: Machine, place: Place, member: string): void {
  files.unlink(presencePath(place, identity.pid, member));
}

/** Whether the process of any other member is alive; forgets those that are not. */
export function hasLiving({ files, identity }: Machine, place: Place, member: string): boolean {
  for (const name of files.list(place.directory)) {
    const [, pid, other] = PRESENCE_NAME.exec(name) ?? [];
    if (other === undefined || other === member) continue;
    if (identity.isAlive(Number(pid))) return true;
    files.unlink(join(place.directory, name));
  }
  return false;
}

/** Removes the log of a storage that does not persist, if no other member's process is alive. The caller has the seat. */
export function removeIfVoid(machine: Machine, place: Place, member: string): void {
  if (hasLiving(machine, place, member)) return;
  const { files } = machine;
  const names = files.list(place.directory);
  for (const { epoch, segment } of segmentsIn(names)) files.unlink(segmentPath(place, epoch, segment));
  for (const seq of snapshotsIn(names)) files.unlink(snapshotPath(place, seq));
  files.unlink(place.filename);
}
