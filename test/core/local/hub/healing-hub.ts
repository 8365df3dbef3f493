/** A hub that heals, over members in the test's hands. */
import assert from "node:assert/strict";
import { segmentPath } from "../../../../dist/core/local/disk/file-names.js";
import { Compactions } from "../../../../dist/core/local/hub/compactions.js";
import { Healing } from "../../../../dist/core/local/hub/healing.js";
import type { FileReport } from "../../../../dist/core/local/machine/healing.js";
import type { CompactRequest, CompactResult, HubReport } from "../../../../dist/core/local/machine/machine.js";
import { encodeFileReport } from "../../../../dist/core/local/wire/healing-messages.js";
import { HEAL } from "../../../../dist/core/log/frame.js";
import { batchFrame, ManualHub, type Peer, place } from "../machine/manual-machine.js";

export const DAMAGE = `${segmentPath(place, 1, 1)} is corrupt at byte 56: expected a checksum, got another one`;

export type Compact = (
  request: CompactRequest,
  done: (error: Error | null, result: CompactResult | null) => void,
) => void;

export const corrupt: Compact = (_, done) =>
  done(Object.assign(new Error(DAMAGE), { code: "ERR_STORAGE_CORRUPT" }), null);

/** A hub that heals, with its own member "a". */
export class HealingHub extends ManualHub {
  readonly reports: HubReport[] = [];
  /** What was folded. */
  readonly folded: CompactRequest[] = [];
  isSeated = true;
  readonly healing: Healing;
  readonly compactions: Compactions;

  constructor(compact: Compact = () => {}) {
    super();
    const machine = {
      ...this.machine,
      threads: {
        startHub: () => assert.fail("no hub is started"),
        compact: (request: CompactRequest, done: Parameters<Compact>[1]) => {
          this.folded.push(request);
          compact(request, done);
          return () => {};
        },
      },
    };
    this.healing = new Healing(machine, this.hub, {
      isSeated: () => this.isSeated,
      damaged: (message) => this.compactions.heal(message),
    });
    this.compactions = new Compactions(
      machine,
      this.hub,
      this.healing,
      { place, directoryId: "id", copies: false, isTakeover: false },
      1e9,
      (report) => this.reports.push(report),
    );
  }

  override connect(name: string): Peer {
    const peer = super.connect(name);
    (peer.events as unknown as { fileReports: unknown }).fileReports = this.healing;
    return peer;
  }

  /** A member that answers an order. */
  answer(peer: Peer, report: Partial<FileReport>): void {
    const seq = peer.of(HEAL).at(-1)?.seq ?? 0;
    peer.say(encodeFileReport({ seq, ...report } as FileReport));
    this.clock.run();
  }

  get kinds(): string[] {
    return this.reports.map(({ kind }) => kind);
  }

  /** The segments that there are. */
  get segments(): string[] {
    return this.files.list(place.directory).filter((name) => name.startsWith("log."));
  }
}

/** Two members, the hub's own one and another; some batches are confirmed. */
export function withMembers(hub: HealingHub): [own: Peer, other: Peer] {
  const other = hub.join("b");
  const own = hub.join("a");
  other.say(batchFrame(1), batchFrame(2));
  hub.clock.run();
  for (const peer of [own, other]) peer.received.length = 0;
  return [own, other];
}
