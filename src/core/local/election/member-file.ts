/**
 * Which members have a storage open that does not persist: its files are void once no such member is left, also when all were
 * killed at once.
 */

import { join } from "node:path";
import { bestEffort } from "../disk/file-access.js";
import type { Machine, Place } from "../machine/machine.js";

const MEMBER_NAME = /^member\.(\d+)\.([0-9a-f]+)$/;

const memberPath = (place: Place, pid: number, member: string): string =>
  join(place.directory, `member.${pid}.${member}`);

/** The file of one member. */
export class MemberFile {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #path: string;
  #isThere = false;

  constructor(machine: Machine, place: Place, member: string) {
    this.#machine = machine;
    this.#place = place;
    this.#path = memberPath(place, machine.identity.pid, member);
  }

  /**
   * The file exists: the member has the storage open.
   * @throws the error of a failed file operation; it must be tried again before the member takes part.
   */
  enter(): void {
    if (this.#isThere) return;
    const { files } = this.#machine;
    // The last member may just have removed the directory.
    files.makeDirectory(this.#place.directory);
    files.close(files.open(this.#path, "create"));
    this.#isThere = true;
  }

  /** The file is removed. Best effort: a file that stays counts only while its process is alive. */
  leave(): void {
    if (!this.#isThere) return;
    this.#isThere = false;
    bestEffort(() => this.#machine.files.unlink(this.#path));
  }
}

/** Whether the process of any other member is alive; removes the files of those that are not. */
export function hasLiving({ files, identity }: Machine, place: Place, member: string): boolean {
  for (const name of files.list(place.directory)) {
    const [, pid, other] = MEMBER_NAME.exec(name) ?? [];
    if (other === undefined || other === member) continue;
    if (identity.isAlive(Number(pid))) return true;
    files.unlink(join(place.directory, name));
  }
  return false;
}
