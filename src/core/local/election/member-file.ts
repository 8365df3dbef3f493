/**
 * Who has a storage open that does not persist: its files are void once nobody has, also when all were killed at once.
 */

import { join } from "node:path";
import { bestEffort } from "../disk/file-access.js";
import type { Machine, Place } from "../machine/machine.js";

const PRESENCE_NAME = /^member\.(\d+)\.([0-9a-f]+)$/;

const presencePath = (place: Place, pid: number, member: string): string =>
  join(place.directory, `member.${pid}.${member}`);

/** The presence of one member. */
export class MemberFile {
  readonly #machine: Machine;
  readonly #place: Place;
  readonly #path: string;
  #isShown = false;

  constructor(machine: Machine, place: Place, member: string) {
    this.#machine = machine;
    this.#place = place;
    this.#path = presencePath(place, machine.identity.pid, member);
  }

  /**
   * Shows that the member has the storage open, if it is not shown yet.
   * @throws the error of a failed file operation; it is to be tried again before the member takes part.
   */
  enter(): void {
    if (this.#isShown) return;
    const { files } = this.#machine;
    // The last member may just have removed the directory.
    files.makeDirectory(this.#place.directory);
    files.close(files.open(this.#path, "create"));
    this.#isShown = true;
  }

  /** It has not any more. Best effort: what stays here counts only while its process is alive. */
  leave(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    bestEffort(() => this.#machine.files.unlink(this.#path));
  }
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
