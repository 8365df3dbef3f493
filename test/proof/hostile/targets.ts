/** What hostile bytes are fed to, one input a call, and what must be true of it whatever they are. */
import assert from "node:assert/strict";
import { codeOf } from "../../../dist/core/errors.js";
import { checkEntries, decodeEntries, encodeEntries } from "../../../dist/core/log/codec.js";
import { type Entry, PATCH, setEntry } from "../../../dist/core/log/entry.js";
import {
  BATCH,
  bornOf,
  CONFIRM,
  decodeJson,
  END,
  encodeFrame,
  HEADER_BYTES,
  kindOf,
  lengthOf,
  numberOf,
  ORIGINS,
  originOf,
  STATE,
} from "../../../dist/core/log/frame.js";
import { MAX_DEPTH, MAX_FRAME_BYTES } from "../../../dist/core/log/limits.js";
import { MalformedError } from "../../../dist/core/log/malformed.js";
import { Table } from "../../../dist/core/state/table.js";
import { CLOSED, LAST, SNAPSHOT, storage, withFile } from "../../core/local/disk/corrupted.js";
import { load, place } from "../../core/local/disk/stored.js";
import { helloFrame, ManualHub, Peer, TOKEN } from "../../core/local/machine/manual-machine.js";
import { recover } from "../../core/local/upkeep/at-once.js";
import { RecordedConnection } from "../../core/local/wire/recorded-connection.js";
import { type Hostility, reseal } from "./streams.js";

/** A stream of bytes for a socket. */
export function stream(hostility: Hostility): Buffer {
  const frames = Array.from({ length: 1 + hostility.below(4) }, (_, index) =>
    hostility.chance(0.5) ? hostility.batch(index + 1) : hostility.frame(),
  );
  switch (hostility.below(4)) {
    case 0:
      return hostility.bytes(hostility.below(200));
    case 1:
      return Buffer.concat(frames);
    default:
      return hostility.mutated(Buffer.concat(frames));
  }
}

/** The frames that a stream begins with, found the naive way, and whether a length follows that no frame has. */
function framesIn(bytes: Buffer, maxBytes: number): { frames: Buffer[]; isBroken: boolean } {
  const frames: Buffer[] = [];
  let at = 0;
  while (bytes.length - at >= 4) {
    const length = lengthOf(bytes, at);
    if (length < HEADER_BYTES || length > maxBytes) return { frames, isBroken: true };
    if (bytes.length - at < length) break;
    frames.push(bytes.subarray(at, at + length));
    at += length;
  }
  return { frames, isBroken: false };
}

/** A connection gives exactly the frames that are there, and ends at a length that no frame has, before its bytes come. */
export function feedConnection(hostility: Hostility): void {
  const maxBytes = hostility.pick([HEADER_BYTES, 100, 1024, MAX_FRAME_BYTES]);
  const bytes = stream(hostility);
  const given: Buffer[] = [];
  const reasons: (string | undefined)[] = [];
  const peer = new Peer("peer", []);
  const connection = new RecordedConnection(peer, maxBytes, {
    receive: (frame) => given.push(Buffer.from(frame)),
    disconnected: (reason) => reasons.push(reason?.name),
  });
  for (const chunk of hostility.chunksOf(bytes)) connection.data(chunk);
  const { frames, isBroken } = framesIn(bytes, maxBytes);
  assert.ok(Buffer.concat(given).equals(Buffer.concat(frames)), "the frames that are there");
  assert.deepEqual(reasons, isBroken ? ["FrameLengthError"] : []);
  assert.equal(peer.isClosed, isBroken);
}

/** The entries of a frame; null when they are malformed, or follow a level that is not spoken: there are no other errors. */
function entriesOf(read: () => Entry[] | undefined): Entry[] | null {
  try {
    return read() ?? [];
  } catch (error) {
    const isDocumented = error instanceof MalformedError || codeOf(error) === "ERR_STORAGE_PROTOCOL";
    assert.ok(isDocumented, `expected a MalformedError, got ${(error as Error).stack}`);
    return null;
  }
}

/** Both readers agree on every body; what they take comes back the same when it is encoded again. */
export function feedCodec(hostility: Hostility): void {
  const frame = hostility.frame(BATCH);
  const decoded = entriesOf(() => decodeEntries(frame, 0, frame.length));
  const checked = entriesOf(() => void checkEntries(frame, 0, frame.length));
  if (decoded === null) assert.equal(checked, null, "what cannot be decoded passed the check");
  if (decoded === null || checked === null) return;
  for (const { type, path, json } of decoded) {
    assert.ok(path.length <= MAX_DEPTH);
    assert.ok(path.length - 1 + depthOf(json) <= MAX_DEPTH + (type === PATCH ? 1 : 0), "too deep");
  }
  const again = encodeEntries(decoded);
  // As text, since an expiry of -0 is none.
  assert.equal(JSON.stringify(decodeEntries(again, 0, again.length)), JSON.stringify(decoded));
}

/** How deep a JSON text is nested, found the naive way; 0 for text that is none. */
function depthOf(json: string): number {
  const depth = (value: unknown): number =>
    typeof value === "object" && value !== null ? 1 + Math.max(0, ...Object.values(value).map(depth)) : 0;
  try {
    return depth(JSON.parse(json));
  } catch {
    return 0;
  }
}

/** Applies what is in the log as every member does. */
function applyAll(table: Table, frames: readonly Buffer[]): void {
  for (const frame of frames) {
    const entries = decodeEntries(frame, 0, frame.length);
    const seq = table.seq + 1;
    table.apply({ seq, time: table.time + 1, origin: 0, born: 0, number: 0, entries });
  }
}

/** What a member shows that holds this state. */
function shown(table: Table): string {
  return JSON.stringify([...table.keys(table.time)].sort().map((key) => [key, table.get([key], table.time)]));
}

/** The same state as a member has it that loads it now. */
function reloaded(table: Table): Table {
  const next = new Table();
  next.restore(table.head());
  const frame = encodeEntries([...table.contents()], STATE);
  next.restoreEntries(decodeEntries(frame, 0, frame.length));
  return next;
}

/** A hub, members that keep to the protocol, and a connection that does not. */
export class HostileHub {
  #hub = new ManualHub();
  #honest = this.#hub.join("honest");
  #watching = this.#hub.join("watching");
  /** The states of two members: one reads everything at once, the other one nothing. */
  #table = new Table();
  #unread = new Table();
  #honestCount = 0;
  #inputs = 0;

  feed(hostility: Hostility): void {
    if (++this.#inputs % 200 === 0) this.#begin();
    if (this.#inputs % 10 === 0) this.#checkMembers();
    const isMember = hostility.chance(0.6);
    const peer = isMember ? this.#hub.join("hostile") : this.#hub.connect();
    const before = this.#hub.files.get(this.#hub.logPath).length;
    const bytes = isMember ? stream(hostility) : this.#greeting(hostility);
    for (const chunk of hostility.chunksOf(bytes)) peer.say(chunk);
    this.#hub.clock.run();
    if (!isMember) assert.deepEqual(peer.received, [], "a stranger is sent nothing");
    this.#checkLog(before, isMember ? bytes : Buffer.alloc(0));
    this.#checkHonest();
    if (!peer.isClosed) peer.events?.closed(null);
  }

  #begin(): void {
    this.#hub = new ManualHub();
    this.#honest = this.#hub.join("honest");
    this.#watching = this.#hub.join("watching");
    this.#table = new Table();
    this.#unread = new Table();
    this.#honestCount = 0;
  }

  /** All members show the same, whenever they read and joined. */
  #checkMembers(): void {
    const expected = shown(this.#table);
    assert.equal(shown(reloaded(this.#table)), expected, "one that joins by what a member has read");
    const late = reloaded(this.#unread);
    assert.equal(shown(late), expected, "a member that joins by a state that was not read yet");
    if (this.#inputs % 50 === 0) assert.equal(shown(this.#unread), expected, "one that reads late");
  }

  /** What a connection sends that does not know the token. */
  #greeting(hostility: Hostility): Buffer {
    const token = hostility.pick(["", TOKEN.slice(1), `${TOKEN}0`, "0".repeat(TOKEN.length), 5, null, [TOKEN]]);
    const hello = helloFrame({ token, protocol: hostility.pick([0, 2, 99]), seq: hostility.pick([0, -1, 1e300]) });
    const bytes = hostility.chance(0.3) ? hello : hostility.mutated(hello);
    return hostility.chance(0.8) ? bytes : stream(hostility);
  }

  /** What was appended is what watching members got, each frame of it was sent as an intact batch, and all can apply it. */
  #checkLog(before: number, sent: Buffer): void {
    const appended = framesIn(this.#hub.files.get(this.#hub.logPath).subarray(before), MAX_FRAME_BYTES).frames;
    const told = this.#watching.of(BATCH).map(({ frame }) => frame);
    assert.ok(Buffer.concat(appended).equals(Buffer.concat(told)), "the log is what members were sent");
    const bodies = new Set(framesIn(sent, MAX_FRAME_BYTES).frames.map((frame) => frame.toString("latin1", 32)));
    for (const frame of appended) {
      assert.equal(kindOf(frame, 0), BATCH);
      assert.ok(bodies.has(frame.toString("latin1", 32)), "the log holds what was sent");
      checkEntries(frame, 0, frame.length);
      for (const number of [originOf(frame, 0), bornOf(frame, 0), numberOf(frame, 0)])
        assert.ok(Number.isInteger(number));
    }
    applyAll(this.#table, appended);
    applyAll(this.#unread, appended);
    shown(this.#table);
  }

  #checkHonest(): void {
    this.#watching.received.length = 0;
    this.#honest.received.length = 0;
    const entries = [setEntry(["k"], "1")];
    this.#honest.say(encodeEntries(entries, BATCH, { origin: 7, born: 1, number: ++this.#honestCount }));
    this.#hub.clock.run();
    assert.deepEqual(this.#honest.of(CONFIRM).length, 1, "others go on");
    this.#watching.received.length = 0;
    this.#honest.received.length = 0;
    this.#hub.calls.length = 0;
    assert.equal(this.#honest.isClosed || this.#watching.isClosed, false);
  }
}

const isDocumented = (error: unknown): boolean =>
  ["ERR_STORAGE_CORRUPT", "ERR_STORAGE_FORMAT"].includes((error as { code?: string }).code ?? "");

/** Files with right checksums over anything are read, or refused as corrupt or as another format, by a hub and a joining member. */
export function feedFiles(hostility: Hostility): void {
  const path = hostility.pick([SNAPSHOT, ...CLOSED, LAST, LAST, SNAPSHOT]);
  const content = Buffer.from(storage.get(path));
  const { frames } = framesIn(content, MAX_FRAME_BYTES);
  const at = hostility.below(frames.length);
  const frame = frames[at] as Buffer;
  frames[at] = hostility.chance(0.5) ? hostileFrame(hostility, frame) : hostility.mutated(frame);
  const bytes = Buffer.concat(frames);
  if (hostility.chance(0.7)) reseal(bytes);
  const files = withFile(path, bytes);
  try {
    const recovered = recover(files, place, null, () => false);
    load(files, recovered);
  } catch (error) {
    assert.ok(isDocumented(error), `${path}, frame ${at}: ${(error as Error).stack}`);
  }
  assert.equal(files.openFiles.size, 0, "files are left open");
  for (const name of [SNAPSHOT, ...CLOSED, LAST]) {
    const expected = name === path ? bytes : storage.get(name);
    assert.ok(files.get(name).equals(expected), `${name} is left as it was`);
  }
}

/** Some numbers, three for each origin, with or without the bytes of a last one. */
function hostileOrigins(hostility: Hostility): Buffer {
  const numbers = new Float64Array(Array.from({ length: 3 * hostility.below(4) }, () => hostility.stamp().seq ?? 0));
  return Buffer.concat([Buffer.from(numbers.buffer), hostility.bytes(hostility.chance(0.7) ? 0 : hostility.below(30))]);
}

/** A frame at the place of another one, its checksum right: another body, or other JSON. */
function hostileFrame(hostility: Hostility, frame: Buffer): Buffer {
  const stamp = {
    epoch: frame.readUInt32LE(12),
    seq: frame.readDoubleLE(16),
    time: frame.readDoubleLE(24),
    origin: frame.readDoubleLE(32),
    born: frame.readDoubleLE(40),
    number: numberOf(frame, 0),
  };
  const kind = kindOf(frame, 0);
  if (kind === BATCH || kind === STATE) return encodeFrame(kind, stamp, hostility.entries());
  if (kind === ORIGINS) return encodeFrame(kind, stamp, hostileOrigins(hostility));
  const head = kind === END ? {} : (decodeJson(frame, 0, frame.length) as Record<string, unknown>);
  const odd: unknown = hostility.pick([
    null,
    5,
    "text",
    [],
    {},
    -1,
    [[1, 2, 3]],
    [null],
    { epoch: "../..", segment: 1 },
  ]);
  const key = hostility.pick(["format", "previous", "previous"]);
  const part = { ...(head.previous as object), [hostility.pick(["epoch", "segment", "end"])]: odd };
  const changed = hostility.pick<unknown>([odd, { ...head, [key]: odd }, { ...head, previous: part }]);
  return encodeFrame(kind, stamp, Buffer.from(hostility.chance(0.9) ? JSON.stringify(changed) : hostility.text()));
}
