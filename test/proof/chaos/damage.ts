/**
 * Files of the storage are damaged while members have it open. What is promised: nothing is lost as long as some member that holds
 * everything stays alive, and connected, until it is healed; and damage comes one at a time.
 *
 * So one member is spared until then: the guardian. It holds all that the files had when its last confirmed write was made. The manager
 * is spared too where the damage may have hit more than that: after its end, a member that has received less could take the seat, and the end of
 * the log would be gone from the files.
 *
 * Its manager steps down at once where the whole directory is removed: so all members are spared then, unless all were at rest, and hold the same.
 *
 * Healed is what a snapshot covers that was written since, or what a member has read that was started since.
 */
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { segmentsIn, snapshotsIn } from "../../../dist/core/local/disk/file-names.js";
import { damaged, rewrite, WAYS } from "./harm.js";
import type { Pid } from "./population.js";
import { now, readHistory } from "./records.js";
import { NAME, pidOf, placesOf } from "./settings.js";
import { listed } from "./sockets.js";
import type { Scene } from "./violence.js";
import { endOfSegment } from "./witness.js";

const FILES = { snapshot: 3, "closed segment": 3, "open segment": 4, copy: 1, note: 1 };
type FileKind = keyof typeof FILES;

/** Longest time, in ms, since the guardian has made a write that is confirmed: it is connected. */
const RECENT_MS = 3000;
const CONFIRMED = /\["ack",\d+,[1-9]/;
/** ms after which a member is started to meet a damage, again and again. */
const JOIN_MS = 4000;
/** Longest time, in ms, that all members may take to rest. */
const REST_MS = 6000;

/** What the files were like at some moment: their bytes by name. */
interface Sample {
  /** In microseconds. */
  readonly at: number;
  /** Of the manager. */
  readonly epoch: number;
  readonly bytes: ReadonlyMap<string, number>;
}

/** Damage that may not be healed yet. */
interface Hurt {
  readonly what: string;
  /** The last batch of the log then. */
  readonly end: number;
  readonly snapshots: ReadonlySet<string>;
  readonly histories: ReadonlySet<string>;
  readonly spared: ReadonlySet<Pid>;
  /** When it was done, and when a member was started to meet it, by `performance.now`. */
  readonly at: number;
  joinedAt: number;
}

export class Damages {
  readonly #scene: Scene;
  readonly #database: string;
  readonly #histories: string;
  readonly #samples: Sample[] = [];
  #hurt: Hurt | null = null;
  #isCopyHurt = false;

  constructor(scene: Scene) {
    this.#scene = scene;
    const { database, histories } = placesOf(scene.directory);
    this.#database = database;
    this.#histories = histories;
  }

  /** What may not be healed yet; empty: nothing. */
  get pending(): string {
    return this.#hurt?.what ?? "";
  }

  spares(pid: Pid): boolean {
    return this.#hurt?.spared.has(pid) === true;
  }

  /**
   * Damages something, if nothing is damaged already and a guardian is there.
   * @param candidates Members that are not frozen.
   * @returns `held`: it was done, and the manager may be struck at once, since the guardian holds all that was damaged; `open`: it was done, and
   *   the manager is spared.
   */
  strike(candidates: readonly Pid[]): "held" | "open" | "nothing" {
    const { dice, population, witness } = this.#scene;
    const { manager } = population;
    if (!this.isFree || manager === undefined || !candidates.includes(manager.pid)) return "nothing";
    const guardian = this.#guardianAmong(
      candidates.filter((pid) => pid !== manager.pid),
      manager.epoch,
    );
    if (guardian === null || !population.stop(manager.pid)) return "nothing";
    try {
      witness.look();
      return this.#damage(dice.weighted(FILES), guardian, manager.pid);
    } finally {
      population.signal(manager.pid, "SIGCONT");
    }
  }

  /** Whether something may be damaged now. */
  get isFree(): boolean {
    return this.#hurt === null && !this.#scene.copies.isCopying;
  }

  /** Looks at the files. @returns whether something has been healed since the last look. */
  look(): boolean {
    const names = listed(this.#database);
    const epoch = this.#scene.population.manager?.epoch ?? 0;
    this.#samples.unshift({ at: now(), epoch, bytes: new Map(names.map((name) => [name, this.#bytesOf(name)])) });
    this.#samples.length = Math.min(this.#samples.length, 50);
    const hurt = this.#hurt;
    if (hurt === null) return false;
    const { tally } = this.#scene;
    const isCovered = this.#snapshots().some(
      (one) => !hurt.snapshots.has(one) && Number(one.split(" ")[0]) >= hurt.end,
    );
    const joined = isCovered
      ? undefined
      : listed(this.#histories).find((label) => !hurt.histories.has(label) && this.#isServed(label));
    if (isCovered || joined !== undefined) {
      tally.note(`${hurt.what}: ${isCovered ? "written again" : "read by a member that joined"}`);
      tally.count("damages healed");
      this.#hurt = null;
      return true;
    }
    if (performance.now() - Math.max(hurt.at, hurt.joinedAt) > JOIN_MS) this.#join(hurt);
    return false;
  }

  /** What an operator does who is told that the copy is not one that the storage has written. */
  removeHurtCopy(): void {
    if (this.#isCopyHurt) rmSync(this.#copy, { force: true });
  }

  get #copy(): string {
    return join(placesOf(this.#scene.directory).storage, `${NAME}.db`);
  }

  #join(hurt: Hurt): void {
    const { starter, population } = this.#scene;
    hurt.joinedAt = performance.now();
    if (!starter.startsAgain) starter.start(1);
    else {
      const other = population.members.find((pid) => !hurt.spared.has(pid));
      if (other !== undefined) population.signal(other, "SIGKILL");
    }
  }

  /** A member that had a write confirmed a moment ago, by this manager, and when that was made, in microseconds. */
  #guardianAmong(candidates: readonly Pid[], epoch: number): { pid: Pid; heldAt: number } | null {
    const first = this.#scene.dice.below(Math.max(1, candidates.length));
    for (const pid of [...candidates.slice(first), ...candidates.slice(0, first)]) {
      const label = listed(this.#histories).findLast((one) => pidOf(one) === pid);
      if (label === undefined) continue;
      const { writes } = readHistory(label, join(this.#histories, label));
      const heldAt = writes.findLast(({ ackedAt }) => ackedAt < Infinity)?.invokedAt ?? 0;
      const sample = this.#samples.find(({ at }) => at <= heldAt);
      if (sample?.epoch === epoch && now() - heldAt < RECENT_MS * 1000) return { pid, heldAt };
    }
    return null;
  }

  /** Whether a member has had a write confirmed; a flush of none says nothing. */
  #isServed = (label: string): boolean => CONFIRMED.test(readFileSync(join(this.#histories, label), "utf8"));
  #bytesOf = (name: string): number => statSync(join(this.#database, name), { throwIfNoEntry: false })?.size ?? 0;

  get #before(): Pick<Hurt, "snapshots" | "histories"> {
    return { snapshots: new Set(this.#snapshots()), histories: new Set(listed(this.#histories)) };
  }

  /** Each with its seq and its inode. */
  #snapshots(): string[] {
    return snapshotsIn(listed(this.#database)).map((seq) => {
      const view = statSync(join(this.#database, `snapshot.${seq}`), { throwIfNoEntry: false });
      return `${seq} ${view?.ino}`;
    });
  }

  #damage(kind: FileKind, guardian: { pid: Pid; heldAt: number }, manager: Pid): "held" | "open" | "nothing" {
    const names = listed(this.#database);
    if (kind === "copy" || kind === "note") return this.#hurtCopy(kind, names) ? "held" : "nothing";
    const segments = segmentsIn(names).map(({ epoch, segment }) => `log.${epoch}.${segment}`);
    const end = segments[0] === undefined ? 0 : endOfSegment(join(this.#database, segments[0]));
    if (end === 0) return "nothing";
    const before = this.#before;
    const done = this.#hurtFile(kind, segments, guardian.heldAt);
    if (done === null) return "nothing";
    this.#done(done.what, end, before, done.isHeld ? [guardian.pid] : [guardian.pid, manager]);
    return done.isHeld ? "held" : "open";
  }

  #done(what: string, end: number, before: Pick<Hurt, "snapshots" | "histories">, spared: readonly Pid[]): void {
    const { tally } = this.#scene;
    tally.count("damages");
    tally.note(what);
    this.#hurt = { what, end, ...before, spared: new Set(spared), at: performance.now(), joinedAt: 0 };
  }

  /** Removes the directory while all members work, and spares all of them. @returns whether it did. */
  removeDirectory(): boolean {
    const { population, witness } = this.#scene;
    const { manager, members } = population;
    const [open] = segmentsIn(listed(this.#database));
    if (open === undefined || manager === undefined || !members.includes(manager.pid)) return false;
    if (!population.stop(manager.pid)) return false;
    try {
      witness.look();
      const end = endOfSegment(join(this.#database, `log.${open.epoch}.${open.segment}`));
      if (end === 0) return false;
      const before = this.#before;
      // Files may be created in it meanwhile.
      rmSync(this.#database, { recursive: true, force: true, maxRetries: 100, retryDelay: 1 });
      this.#scene.tally.count("directories removed");
      this.#done("directory, remove", end, before, members);
      return true;
    } finally {
      population.signal(manager.pid, "SIGCONT");
    }
  }

  /** Removes it while they rest, and hold the same, if they come to rest: then the manager and one other member are spared. */
  async removeDirectoryAtRest(): Promise<boolean> {
    const { population, dice, directory } = this.#scene;
    const { orders, resting } = placesOf(directory);
    const order = join(orders, "rest");
    writeFileSync(order, "");
    try {
      const areAllAtRest = (): boolean => {
        const pids = new Set(listed(resting).map(pidOf));
        const { members } = population;
        return members.length > 1 && members.every((pid) => pids.has(pid));
      };
      for (const until = performance.now() + REST_MS; !areAllAtRest(); await sleep(20))
        if (performance.now() > until) return false;
      const spared = [population.manager?.pid ?? 0, dice.pick(population.members)];
      const isRemoved = this.removeDirectory();
      if (this.#hurt !== null)
        this.#hurt = { ...this.#hurt, what: "directory at rest, remove", spared: new Set(spared) };
      return isRemoved;
    } finally {
      rmSync(order);
    }
  }

  /** The copy holds nothing that the storage needs. */
  #hurtCopy(kind: "copy" | "note", names: readonly string[]): boolean {
    const { dice, tally } = this.#scene;
    const note = names.find((name) => name.startsWith("copy."));
    const path = kind === "copy" ? this.#copy : join(this.#database, note ?? "");
    if (note === undefined || statSync(path, { throwIfNoEntry: false }) === undefined) return false;
    const way = kind === "note" ? "remove" : dice.weighted(WAYS);
    if (way === "remove") rmSync(path);
    else rewrite(path, damaged(readFileSync(path), way, dice.roll(), dice.roll()));
    this.#isCopyHurt = true;
    tally.count("damages");
    tally.note(`${kind}, ${way}`);
    return true;
  }

  /** `isHeld`: the guardian holds all that was damaged. null: there is no such file. */
  #hurtFile(
    kind: "snapshot" | "closed segment" | "open segment",
    segments: readonly string[],
    heldAt: number,
  ): { what: string; isHeld: boolean } | null {
    const { dice, witness } = this.#scene;
    const [open, ...closed] = segments;
    const [snapshot] = snapshotsIn(listed(this.#database));
    const name =
      kind === "snapshot"
        ? `snapshot.${snapshot ?? ""}`
        : kind === "open segment"
          ? (open as string)
          : dice.pick(closed);
    const path = join(this.#database, name ?? "");
    if (name === undefined || statSync(path, { throwIfNoEntry: false }) === undefined) return null;
    const content = readFileSync(path);
    const heldBytes = this.#samples.find(({ at }) => at <= heldAt)?.bytes.get(name) ?? 0;
    const way = dice.weighted(WAYS);
    const isWithin = heldBytes > 0 && (kind === "open segment" ? dice.chance(0.6) : heldBytes >= content.length);
    const [first, second] = [dice.roll(), dice.roll()];
    // Of the open segment, only what is before the bytes that the guardian holds may be damaged while the manager may end.
    const limit = kind === "open segment" && isWithin ? Math.min(heldBytes, content.length) : content.length;
    const within =
      limit < content.length && (way === "truncate" || way === "duplicate" || way === "remove") ? "flip" : way;
    const isHeld = isWithin && (kind !== "open segment" || !["truncate", "duplicate", "remove"].includes(within));
    if (within === "remove") rmSync(path);
    else {
      witness.keep(name, content);
      const head = damaged(content.subarray(0, limit), within, first, second);
      rewrite(path, Buffer.concat([head, content.subarray(limit)]));
    }
    return { what: `${kind}, ${within}`, isHeld };
  }
}
