/** What can happen to the bytes of a storage. */
import type { MemoryFiles } from "../../core/local/machine/memory-files.js";
import { framesIn, isFrames, type Stored } from "./bytes-storages.js";

const SECTOR_BYTES = 512;
const TAILS = [1, 56, 700];

/** One damage: what it is, and which files it touches. */
export interface Damage {
  readonly what: string;
  readonly paths: readonly string[];
  apply(files: MemoryFiles): void;
}

type Edit = readonly [what: string, change: (content: Buffer) => Buffer];

/** A number for each place that looks random, and is the same in every run. */
const noiseAt = (at: number) => ((at + 1) * 2654435761) >>> 24;

function withByte(content: Buffer, at: number, byte: number): Buffer {
  const copy = Buffer.from(content);
  copy[at] = byte;
  return copy;
}

function* editsOfBytes(content: Buffer): Generator<Edit> {
  for (const [at, byte] of content.entries()) {
    for (const mask of [0x01, 0x80, 0xff]) yield [`byte ${at} ^ ${mask}`, () => withByte(content, at, byte ^ mask)];
    yield [`byte ${at} zeroed`, () => withByte(content, at, 0)];
    yield [`byte ${at} random`, () => withByte(content, at, noiseAt(at))];
    yield [`cut at ${at}`, () => content.subarray(0, at)];
    yield [`zeros from ${at} on`, () => Buffer.concat([content.subarray(0, at), Buffer.alloc(content.length - at)])];
    if (at > 0) yield [`bytes ${at - 1} and ${at} swapped`, () => swapped(content, at)];
  }
}

function swapped(content: Buffer, at: number): Buffer {
  return withByte(withByte(content, at, content[at - 1] as number), at - 1, content[at] as number);
}

function* editsOfFile(path: string, content: Buffer): Generator<Edit> {
  for (let at = 0; at < content.length; at += SECTOR_BYTES) {
    yield [
      `sector at ${at} zeroed`,
      () => Buffer.from(content).fill(0, at, Math.min(at + SECTOR_BYTES, content.length)),
    ];
  }
  for (const bytes of TAILS) {
    yield [`${bytes} zeros at the end`, () => Buffer.concat([content, Buffer.alloc(bytes)])];
    yield [
      `${bytes} bytes of noise at the end`,
      () => Buffer.concat([content, Buffer.from(content.map((_, at) => noiseAt(at)))]),
    ];
  }
  if (!isFrames(content)) return;
  const frames = framesIn(path, content).map(({ bytes }) => bytes);
  const join = (parts: readonly (Buffer | undefined)[]) => Buffer.concat(parts.filter((part) => part !== undefined));
  for (const [index, frame] of frames.entries()) {
    const [before, after] = [frames.slice(0, index), frames.slice(index + 1)];
    yield [`frame ${index} removed`, () => join([...before, ...after])];
    yield [`frame ${index} doubled`, () => join([...before, frame, frame, ...after])];
    yield [`frame ${index} zeroed`, () => join([...before, Buffer.alloc(frame.length), ...after])];
    if (after.length > 0) yield [`frame ${index} swapped`, () => join([...before, after[0], frame, ...after.slice(1)])];
  }
}

/** Every damage of one file, or of two, that there is. */
export function* damagesOf(stored: Pick<Stored, "files">): Generator<Damage> {
  const all = [...stored.files.names].map(([path, { content }]) => ({ path, content }));
  for (const { path, content } of all) {
    for (const edits of [editsOfBytes(content), editsOfFile(path, content)]) {
      for (const [what, change] of edits) {
        yield { what: `${path}: ${what}`, paths: [path], apply: (files) => files.put(path, change(content)) };
      }
    }
    yield { what: `${path} removed`, paths: [path], apply: (files) => void files.unlink(path) };
    for (const other of all) {
      if (other.path <= path) continue;
      const apply = (files: MemoryFiles) => {
        files.put(path, other.content);
        files.put(other.path, content);
      };
      yield { what: `${path} and ${other.path} exchanged`, paths: [path, other.path], apply };
    }
  }
}

/** Some places of some files, at random. */
export function randomDamage(stored: Stored, roll: () => number): Damage {
  const below = (count: number) => Math.floor(roll() * count);
  const paths = [...stored.files.names.keys()];
  const hits = Array.from({ length: 1 + below(3) }, () => paths[below(paths.length)] as string);
  const rolls = hits.map(() => [roll(), roll(), roll(), roll()]);
  const apply = (files: MemoryFiles) => {
    for (const [index, path] of hits.entries()) {
      const content = files.names.get(path)?.content ?? Buffer.alloc(0);
      files.put(path, strike(content, rolls[index] as number[]));
    }
  };
  return { what: `${hits} struck at random`, paths: hits, apply };
}

/** Bytes turned over, zeroed, cut off, moved or repeated. */
function strike(content: Buffer, [kind = 0, from = 0, length = 0, byte = 0]: readonly number[]): Buffer {
  const start = Math.floor(from * content.length);
  const end = Math.min(content.length, start + 1 + Math.floor(length * length * 200));
  const [before, hit, after] = [content.subarray(0, start), content.subarray(start, end), content.subarray(end)];
  const edits = [
    () => withByte(content, start, Math.floor(byte * 256)),
    () => Buffer.concat([before, Buffer.alloc(hit.length, Math.floor(byte * 256)), after]),
    () => before,
    () => Buffer.concat([before, after]),
    () => Buffer.concat([before, hit, hit, after]),
    () => Buffer.concat([before, Buffer.from(hit).reverse(), after]),
  ];
  const edit = edits[Math.floor(kind * edits.length)] as () => Buffer;
  return content.length === 0 ? content : edit();
}
