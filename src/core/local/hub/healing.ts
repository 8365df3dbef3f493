/**
 * Healing: what damaged or removed files held is written again by a member that holds it. Beside the hub, as a compaction, and by the
 * same rules; only the state comes out of the memory of a member, not out of files.
 */
import { errorOf } from "../../errors.js";
import { bestEffort } from "../disk/file-access.js";
import { askAll, type Life } from "../election/member-socket.js";
import type { FileReport } from "../machine/healing.js";
import type { Folded, FoldRequest, Machine, Place, Socket, Timer } from "../machine/machine.js";
import { removeCovered, removeStrays } from "../upkeep/removal.js";
import { encodeHealOrder } from "../wire/healing-messages.js";
import { encodeRefusal } from "../wire/messages.js";
import type { Hub } from "./hub.js";
import type { FileReports, HubMember } from "./member.js";

/** ms without a report after which a member that writes is given up: it reports each second. */
const SILENCE_MS = 10_000;

/** What is known of a member that may hold something. */
const LIVING: ReadonlySet<Life> = new Set(["alive", "unknown"]);

/** The end of a heal: as that of a compaction. */
type HealDone = (error: Error | null, result: Folded | null) => void;

type Damaged = Extract<FileReport, { kind: "damaged" }>;

/** A heal under way. */
interface Order {
  readonly member: HubMember;
  readonly request: FoldRequest;
  readonly seq: number;
  readonly done: HealDone;
}

/** What a hub's host does about damage. */
export interface HealingHost {
  /** Whether the seat is the hub's. */
  isSeated(): boolean;
  /** A member has met damage. */
  damaged(message: string): void;
}

/**
 * Invariants:
 *
 * 1. A member gets an order after the first frame of a segment and before the first batch of it, so it stands exactly where that
 *    segment begins. All that it holds there is confirmed.
 * 2. One order is under way at a time. Reports of others are of an older one, and count for nothing.
 * 3. Files are removed after the member has reported that the snapshot is on the disk under its name, while the seat is held, and
 *    only what that snapshot covers.
 */
export class Healing implements FileReports {
  readonly #machine: Machine;
  readonly #hub: Hub;
  readonly #host: HealingHost;
  #order: Order | null = null;
  #silence: Timer | null = null;
  /** Members that could not write what was asked for last. */
  readonly #tried = new Set<HubMember>();
  /** Members that have met damage, and wait until it is healed, with what they report. */
  readonly #waiting = new Map<HubMember, Damaged>();

  constructor(machine: Machine, hub: Hub, host: HealingHost) {
    this.#machine = machine;
    this.#hub = hub;
    this.#host = host;
  }

  /** Takes a new connection, whose member may report on the files. */
  accept(socket: Socket): HubMember {
    const member = this.#hub.accept(socket);
    member.fileReports = this;
    return member;
  }

  /**
   * Lets a member write the state where the newest segment begins, which has no batch yet. `done` is called once, unless it is
   * stopped: with the snapshot, when that is on the disk and what it covers is removed; or with an error, and then another try may
   * be made with another member.
   * @param request What the snapshot will cover.
   * @returns a function that stops it.
   */
  heal(request: FoldRequest, done: HealDone): () => void {
    const { writer } = this.#hub;
    const member = this.#choose();
    if (member === null) {
      this.#tried.clear();
      if (this.#choose() === null) this.#refuseUnlessOthersCome(request.place);
      done(new Error("expected a member that holds the whole state, got none"), null);
      return () => {};
    }
    const { seq, time } = writer.confirmed;
    const order = { member, request, seq, done };
    this.#order = order;
    member.broadcasts.push(
      encodeHealOrder({ epoch: request.epoch, seq, time, history: writer.history, clock: request.clock ?? null }),
    );
    // A turn sends it.
    this.#hub.changed(member);
    this.#listen();
    return () => {
      if (this.#order === order) this.#over();
    };
  }

  /** A member that cannot read the files may hold everything all the same, if nothing was confirmed since it was connected. */
  #choose(): HubMember | null {
    const { members, writer } = this.#hub;
    const { seq } = writer.confirmed;
    const member = members.find((one) => !this.#tried.has(one) && !this.#waiting.has(one));
    return member ?? members.find((one) => !this.#tried.has(one) && this.#waiting.get(one)?.seq === seq);
  }

  /** Called by a member. */
  reported(member: HubMember, report: FileReport): void {
    if (report.kind === "damaged") {
      this.#waiting.set(member, report);
      this.#host.damaged(report.message);
      return;
    }
    if (this.#order?.member !== member || this.#order.seq !== report.seq) return;
    switch (report.kind) {
      case "writing":
        this.#listen();
        break;
      case "healed":
        this.#healed(this.#order, report.bytes);
        break;
      case "declined":
        this.#failed(new Error("expected a member that holds the whole state, got one that is still loading it"));
        break;
      default:
        this.#failed(errorOf(report));
    }
  }

  /** Called by a member. */
  gone(member: HubMember): void {
    this.#waiting.delete(member);
    this.#tried.delete(member);
    if (this.#order?.member === member) this.#failed(new Error("expected a member that writes the state, got its end"));
  }

  /** What waits is served: it connects again. */
  healed(): void {
    for (const member of this.#waiting.keys()) member.end();
    this.#waiting.clear();
    this.#tried.clear();
  }

  #listen(): void {
    this.#silence?.cancel();
    this.#silence = this.#machine.clock.after(SILENCE_MS, () =>
      this.#failed(new Error(`expected a member to write the state, got no report of it for ${SILENCE_MS} ms`)),
    );
  }

  #over(): void {
    this.#silence?.cancel();
    this.#order = null;
  }

  #healed({ request, seq, done }: Order, bytes: number): void {
    const { files } = this.#machine;
    this.#over();
    if (this.#host.isSeated()) {
      // What cannot be removed now is in nobody's way: the snapshot covers it.
      bestEffort(() => removeCovered(files, request.place, seq, request.segments));
      bestEffort(() => removeStrays(files, request.place, request.epoch, []));
    }
    done(null, { snapshot: seq, bytes });
    this.healed();
  }

  #failed(error: Error): void {
    const order = this.#order;
    if (order === null) return;
    this.#over();
    this.#tried.add(order.member);
    order.done(error, null);
  }

  /**
   * No member is left to be asked. Those that wait fail, unless a member lives that is not connected: it may hold the state, and comes sooner
   * or later. A new hub's own one may be later than others, too.
   */
  #refuseUnlessOthersCome(place: Place): void {
    const hub = this.#hub;
    const { ownId } = hub.members;
    askAll(this.#machine, place, ownId, (lives) => {
      const isComing = (id: string, life: Life): boolean => LIVING.has(life) && !hub.isLive(id);
      const othersCome = lives === null || [...lives].some(([id, life]) => isComing(id, life));
      if (othersCome || isComing(ownId, "alive") || this.#choose() !== null) return;
      for (const [member, { message }] of this.#waiting) {
        member.send([encodeRefusal("ERR_STORAGE_CORRUPT", message)]);
        member.end();
      }
      this.#waiting.clear();
    });
  }
}
