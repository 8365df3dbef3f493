/** What the hub writes: segments, snapshots, compactions. */
const WRITER = "src/core/local/hub/log-writer.ts";
const SEGMENT = "src/core/local/disk/segment.ts";
const WRITE = "src/core/local/disk/write-all.ts";
const SNAPSHOT = "src/core/local/disk/snapshot.ts";
const FRAMES = "src/core/log/snapshot-frames.ts";
const COMPACTOR = "src/core/local/upkeep/compactor.ts";
const COPY = "src/core/local/upkeep/removal.ts";
const ACCESS = "src/core/local/disk/file-access.ts";
const TORN = "src/core/local/disk/torn-ends.ts";
const writer = ["hub/log-writer", "disk/segment", "hub/order", "hub/disk-full", "simulation"];
const compactor = ["upkeep/compactor", "disk/snapshot", "simulation"];

export const fileMutants = [
  {
    name: "a closed segment is not on the disk when the next one begins",
    file: WRITER,
    from: "    else this.#sync(begin, mayBlock);\n",
    to: "    else begin(null);\n",
    killedBy: writer,
  },
  {
    name: "a closed segment is synced after the next one begins",
    file: WRITER,
    from: `    if (this.#segment.hasSyncFailed) begin(null);
    else this.#sync(begin, mayBlock);`,
    to: `    const previous = this.#segment;
    begin(null);
    if (!previous.hasSyncFailed) previous.sync();`,
    killedBy: writer,
  },
  {
    name: "a segment is closed after frames that were not confirmed",
    file: WRITER,
    from: "const closed: Position = { epoch: this.#epoch, segment, offset };",
    to: "const closed: Position = { epoch: this.#epoch, segment, offset: offset && this.#segment.end };",
    killedBy: writer,
  },
  {
    name: "a segment that cannot be written any more is written again",
    file: WRITER,
    from: "    if (this.mustRotate) this.rotate(append, mayBlock);\n    else append(null);",
    to: "    append(null);",
    killedBy: writer,
  },
  {
    name: "a segment whose fsync failed is written again",
    file: WRITER,
    from: "return this.#segment.hasTornEnd || this.#segment.hasSyncFailed;",
    to: "return this.#segment.hasTornEnd;",
    killedBy: writer,
  },
  {
    name: "the name of a segment that could not be begun is used again",
    file: WRITER,
    from: "const next = ++this.#lastSegment;",
    to: "const next = segment + 1;",
    killedBy: writer,
  },
  {
    name: "a compaction takes one segment too many out of the chain",
    file: WRITER,
    from: "this.#closed.slice(request.segments.length);",
    to: "this.#closed.slice(request.segments.length + 1);",
    killedBy: ["hub/log-writer"],
  },
  {
    name: "what fsync: always confirms is not on the disk",
    file: WRITER,
    from: `if (this.#fsync !== "always" || bytes === 0) done`,
    to: `if (this.#fsync !== "always" || bytes >= 0) done`,
    killedBy: writer,
  },
  {
    name: "frames that were not confirmed are folded by the last member",
    file: WRITER,
    from: "return this.#segment.end === this.#confirmed.offset;",
    to: "return this.#segment.end >= this.#confirmed.offset;",
    killedBy: writer,
  },
  {
    name: "a failed fsync is tried again",
    file: SEGMENT,
    from: "  sync(): void {\n    if (this.#syncError) throw this.#syncError;\n",
    to: "  sync(): void {\n",
    killedBy: writer,
  },
  {
    name: "an unfinished frame counts as written",
    file: SEGMENT,
    from: "this.#end += wholeFrameBytes(buffers, bytes);",
    to: "this.#end += bytes;",
    killedBy: writer,
  },
  {
    name: "the last of the frames that a full disk took is cut off",
    file: SEGMENT,
    from: "if (whole + length > written) return whole;",
    to: "if (whole + length >= written) return whole;",
    killedBy: writer,
  },
  {
    name: "a segment whose unfinished end cannot be cut off is written again",
    file: SEGMENT,
    from: "      this.#hasTornEnd = true;\n",
    to: "",
    killedBy: writer,
  },
  {
    name: "an unfinished end is not cut off",
    file: SEGMENT,
    from: "    this.#cut();\n",
    to: "",
    killedBy: writer,
  },
  {
    name: "a segment that could not be begun is left",
    file: SEGMENT,
    from: "    bestEffort(() => files.unlink(path));\n",
    to: "",
    killedBy: writer,
  },
  {
    name: "the name of a segment is not synced",
    file: SEGMENT,
    from: "      this.#syncName();\n    } catch (error) {\n      this.#syncFailed",
    to: "    } catch (error) {\n      this.#syncFailed",
    killedBy: writer,
  },
  {
    name: "a segment may have the number of another one",
    file: SEGMENT,
    from: "if (epoch !== name.epoch || segment !== name.segment) {",
    to: "if (epoch !== name.epoch) {",
    killedBy: ["disk/segment", "upkeep/recovery", "disk/log-reader", "disk/chain"],
  },
  {
    name: "a write goes on at its beginning after a short one",
    file: WRITE,
    from: "files.write(file, rest, position + bytes);",
    to: "files.write(file, rest, position);",
    killedBy: writer,
  },
  {
    name: "a buffer that was taken to its last byte is written again",
    file: WRITE,
    from: "left >= (buffers[index] as Buffer).length",
    to: "left > (buffers[index] as Buffer).length",
    killedBy: writer,
  },
  {
    name: "a snapshot is not synced",
    file: SNAPSHOT,
    from: "  yield* synced(files, file);\n",
    to: "",
    killedBy: compactor,
  },
  {
    name: "a snapshot may have fewer frames than it says",
    file: FRAMES,
    from: "if (counted !== read) throw",
    to: "if (counted === undefined) throw",
    killedBy: compactor,
  },
  {
    name: "the frames of a snapshot may come in any order",
    file: FRAMES,
    from: "if (number !== this.#frameCount + 1)\n",
    to: "if (number < 1)\n",
    killedBy: compactor,
  },
  {
    name: "something may follow the end of a snapshot",
    file: SNAPSHOT,
    from: `    if (isLast && frames.next()) frames.refuse("expected nothing after the end of a snapshot, got a frame");\n`,
    to: "",
    killedBy: compactor,
  },
  {
    name: "a snapshot may end as one of another seq",
    file: SNAPSHOT,
    from: "return kindOf(end, 0) === END && (seq === null || seqOf(end, 0) === seq);",
    to: "return kindOf(end, 0) === END && (seq === null || seqOf(end, 0) > 0);",
    killedBy: [...compactor.slice(0, 2), "upkeep/recovery", "disk/log-reader", "simulation"],
  },
  {
    name: "a compaction removes what it has not published yet",
    file: COMPACTOR,
    from: "  while (fold.sweep()) yield;\n",
    to: "  if (seq > 0) removeCovered(machine.files, request.place, seq, request.segments);\n",
    killedBy: compactor,
  },
  {
    name: "a file stays open when a call that reads it fails",
    file: ACCESS,
    from: `  try {
    return use(file);
  } finally {
    files.close(file);
  }`,
    to: `  const result = use(file);
  files.close(file);
  return result;`,
    killedBy: ["faults/disk.test"],
  },
  {
    name: "a snapshot is renamed over another one",
    file: ACCESS,
    from: "files.link(path, name);",
    to: "files.rename(path, name);",
    killedBy: compactor,
  },
  {
    name: "a snapshot is published without being read back",
    file: COMPACTOR,
    from: "    yield* checkSnapshot(files, temporary, head.seq);\n",
    to: "",
    killedBy: compactor,
  },
  {
    name: "a compaction does not check the entries of batches",
    file: COMPACTOR,
    from: "lastOf(segments), null, fold, true);",
    to: "lastOf(segments), null, fold, false);",
    killedBy: compactor,
  },
  {
    name: "the name of a snapshot is not on the disk when what it covers is removed",
    file: COMPACTOR,
    from: "  yield* namesSynced(files, place.directory);\n  return bytes;",
    to: "  return bytes;",
    killedBy: compactor,
  },
  {
    name: "the last member does not fold what the newest segment holds",
    file: COMPACTOR,
    from: " || last.end > last.start.offset",
    to: "",
    killedBy: compactor,
  },
  {
    name: "the last member does not check the snapshot that it leaves",
    file: COMPACTOR,
    from: "const { bytes } = yield* checkSnapshot(files, snapshotPath(place, snapshot), snapshot);",
    to: "const bytes = 0;",
    killedBy: compactor,
  },
  {
    name: "a compaction removes newer snapshots",
    file: COPY,
    from: "if (seq < snapshot) files.unlink",
    to: "if (seq !== snapshot) files.unlink",
    killedBy: compactor,
  },
  {
    name: "a compaction leaves the segments that it has folded",
    file: COPY,
    from: "    files.unlink(segmentPath(place, epoch, segment));\n",
    to: "",
    killedBy: compactor,
  },
  {
    name: "the unfinished end of a segment is not kept aside",
    file: TORN,
    from: "if (rest) writeNew(files, tornPath(place, from.epoch, from.segment), rest);",
    to: "",
    killedBy: ["upkeep/recovery"],
  },
  {
    name: "a frame of a snapshot is cut by the texts of its entries alone",
    file: FRAMES,
    from: "partBound += boundOf(entry);",
    to: "partBound += 3 * entry.json.length;",
    killedBy: ["disk/snapshot"],
  },
];
