/**
 * Keeps a link to every segment and snapshot that ever was, so that the whole order can be read in the end although
 * compaction removes files. A link to a segment changes nothing for the engine, which counts the links of seats only.
 *
 * A thread of its own looks, since this one may be busy for seconds: to start a process takes long on a busy machine. A file that comes
 * and goes between two looks is missed, which is seen by the chain.
 */
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { segmentsIn, snapshotsIn } from "../../../dist/core/local/disk/file-names.js";
import { readExactly } from "../../../dist/core/local/disk/frame-scanner.js";
import { readSegmentHead, type SegmentHead } from "../../../dist/core/local/disk/segment.js";
import { SnapshotScanner } from "../../../dist/core/local/disk/snapshot.js";
import { diskFiles } from "../../../dist/core/local/machine/files.js";
import type { Position } from "../../../dist/core/local/machine/machine.js";
import { decodeBatch, decodeEntries } from "../../../dist/core/log/codec.js";
import type { Batch } from "../../../dist/core/log/entry.js";
import {
  BATCH,
  epochOf,
  HEADER_BYTES,
  isIntact,
  kindOf,
  lengthOf,
  STATE,
  seqOf,
} from "../../../dist/core/log/frame.js";
import { Table } from "../../../dist/core/state/table.js";
import { NAME } from "./settings.js";
import { listed } from "./sockets.js";
import type { Noted } from "./time.js";
import { IDLE, Links, LOOKING, OVER, type Watch } from "./witness-thread.js";

/** What is appended to the name of a file whose content was kept before it was damaged. */
const INTACT = ".intact";

export interface Ordered {
  readonly epoch: number;
  readonly batch: Batch;
}

/** A state that a compaction wrote. */
export interface Snapshot {
  readonly seq: number;
  readonly time: number;
  /** What is not expired at `time`, by top-level key. */
  readonly state: Readonly<Record<string, unknown>>;
}

interface Kept {
  readonly head: SegmentHead;
  readonly content: Buffer;
}

/** The seq of the last batch of a segment, or of those before it; 0: it cannot be read. */
export function endOfSegment(path: string): number {
  const [, epoch, segment] = path.split("/").at(-1)?.split(".") ?? [];
  const kept = segmentIn(path, { epoch: Number(epoch), segment: Number(segment) });
  return kept === null ? 0 : (batchesOf(kept, Number.POSITIVE_INFINITY).at(-1)?.batch.seq ?? kept.head.start.seq);
}

/** A segment existed only between two looks, so its content is not known. */
export class UnseenError extends Error {
  override readonly name = "UnseenError";
}

export class Witness {
  readonly #from: string;
  readonly #directory: string;
  readonly #links: Links;
  readonly #state = new Int32Array(new SharedArrayBuffer(4));
  readonly #thread: Worker;
  #isOver = false;

  /** @param into Where the links are kept. */
  constructor(storage: string, into: string) {
    this.#from = join(storage, `${NAME}.db.d`);
    this.#directory = into;
    this.#links = new Links(into);
    const workerData = { from: this.#from, into, state: this.#state } satisfies Watch;
    this.#thread = new Worker(new URL("./witness-thread.js", import.meta.url), { workerData });
    this.#thread.unref();
  }

  /** Looks a last time; another storage may be at the place afterwards. */
  end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    while (Atomics.compareExchange(this.#state, 0, IDLE, OVER) !== IDLE) Atomics.wait(this.#state, 0, LOOKING, 1);
    this.look();
  }

  /** Keeps what a file holds, which is about to be damaged. What is appended to it later is taken from the file. */
  keep(name: string, content: Buffer): void {
    writeFileSync(join(this.#directory, `${name}${INTACT}`), content);
  }

  /** In place of links to damaged files. */
  #restore(): void {
    for (const name of listed(this.#directory).filter((one) => one.endsWith(INTACT))) {
      const [intact, path] = [join(this.#directory, name), join(this.#directory, name.slice(0, -INTACT.length))];
      const kept = readFileSync(intact);
      const content = existsSync(path) ? readFileSync(path).subarray(kept.length) : Buffer.alloc(0);
      rmSync(path, { force: true });
      writeFileSync(path, Buffer.concat([kept, content]));
      rmSync(intact);
    }
  }

  /** The seq after which the log that was read begins: 0, unless members have written again what they held at a place where nothing was. */
  start = 0;

  /**
   * The whole log, from its first batch on.
   * @param mayStartLater Whether it may begin with what members have written again.
   * @throws UnseenError when a segment that the log consists of was missed.
   */
  log(mayStartLater = false): Ordered[] {
    this.#restore();
    const kept = segmentsOf(this.#directory);
    const parts: Ordered[][] = [];
    let last = kept.at(-1);
    for (let end = Number.POSITIVE_INFINITY; last !== undefined; ) {
      parts.unshift(batchesOf(last, end));
      const { previous, start } = last.head;
      const { seq } = start;
      this.start = seq;
      if (previous === null && seq === 0) break;
      const { head }: Kept = last;
      const before = previous === null ? beginningBefore(kept, head) : kept.find((one) => isSame(one.head, previous));
      if (before === undefined && previous === null && mayStartLater) break;
      if (before === undefined)
        throw new UnseenError(`expected to have seen what is before segment ${start.epoch}.${start.segment}`);
      end = previous === null ? endBehind(before, seq) : previous.offset;
      last = before;
    }
    return parts.flat();
  }

  /** What the segments say of the time, in the order of the log. */
  notes(): Noted[] {
    return segmentsOf(this.#directory).flatMap(({ head: { start, clock } }) => {
      if (clock === null) return [];
      const { time, monotonic, wall } = clock;
      return [{ epoch: start.epoch, leadMs: time - monotonic, at: monotonic, offsetMs: time - wall }];
    });
  }

  /** All snapshots, oldest first. */
  snapshots(): Snapshot[] {
    return snapshotsIn(readdirSync(this.#directory))
      .toReversed()
      .map((seq) => readSnapshot(join(this.#directory, `snapshot.${seq}`), seq));
  }

  /** Looks once more, in the directory of a storage that was moved. */
  follow(storage: string): void {
    this.look(join(storage, `${NAME}.db.d`));
  }

  /** Looks once more, at once. */
  look(from = this.#from): void {
    this.#links.make(from);
  }
}

/** Those with a whole first frame, in the order of the log. */
function segmentsOf(directory: string): Kept[] {
  const found = segmentsIn(listed(directory)).toReversed();
  return found.flatMap((name) => segmentIn(join(directory, `log.${name.epoch}.${name.segment}`), name) ?? []);
}

function segmentIn(path: string, name: Omit<Position, "offset">): Kept | null {
  const file = diskFiles.open(path, "read");
  try {
    const head = readSegmentHead(diskFiles, file, path, name);
    const content = readExactly(diskFiles, file, 0, diskFiles.bytes(file));
    return head === null || content === null ? null : { head, content };
  } finally {
    diskFiles.close(file);
  }
}

/** The seq of the last batch in a copy of a storage's files; 0: there is none. */
export function endOfCopy(storage: string): number {
  const directory = join(storage, `${NAME}.db.d`);
  const last = segmentsOf(directory).at(-1);
  if (last !== undefined) return batchesOf(last, Number.POSITIVE_INFINITY).at(-1)?.batch.seq ?? last.head.start.seq;
  const [newest] = snapshotsIn(listed(directory));
  if (newest !== undefined) return newest;
  return listed(storage).includes(`${NAME}.db`) ? readSnapshot(join(storage, `${NAME}.db`), null).seq : 0;
}

const isSame = ({ start }: SegmentHead, { epoch, segment }: Position): boolean =>
  start.epoch === epoch && start.segment === segment;

/** The segment that was folded when the last member left, before a log went on after its snapshot. */
function beginningBefore(kept: readonly Kept[], head: SegmentHead): Kept | undefined {
  return kept.findLast(({ head: one }) => one.start.epoch < head.start.epoch && one.start.seq <= head.start.seq);
}

/** Where the batch `seq` ends in a segment. */
function endBehind({ head, content }: Kept, seq: number): number {
  let at = head.start.offset;
  while (at + HEADER_BYTES <= content.length && seqOf(content, at) <= seq) at += lengthOf(content, at);
  return at;
}

/** What a segment holds up to `end`, or to the first frame that is not whole. */
function batchesOf({ head, content }: Kept, end: number): Ordered[] {
  const batches: Ordered[] = [];
  const stop = Math.min(end, content.length);
  for (let at = head.start.offset; at + HEADER_BYTES <= stop; ) {
    const next = at + lengthOf(content, at);
    if (next > stop || kindOf(content, at) !== BATCH || !isIntact(content, at, next)) break;
    batches.push({ epoch: epochOf(content, at), batch: decodeBatch(content, at, next) });
    at = next;
  }
  return batches;
}

/** @param seq null: whatever it has. */
function readSnapshot(path: string, seq: number | null): Snapshot {
  const file = diskFiles.open(path, "read");
  try {
    const scanner = new SnapshotScanner(diskFiles, path, file, seq, true);
    const table = new Table();
    const { time } = scanner.head;
    while (scanner.next()) {
      const { buffer, start, end } = scanner.frames;
      if (kindOf(buffer, start) === STATE) table.restoreEntries(decodeEntries(buffer, start, end));
    }
    return {
      seq: scanner.head.seq,
      time,
      state: Object.fromEntries([...table.keys(time)].map((key) => [key, table.getKey(key, time)])),
    };
  } finally {
    diskFiles.close(file);
  }
}
