/** A member's side of the engine, whose files, sockets, clock and managers a test controls. */

import { seatPath, socketPath } from "../../../../dist/core/local/disk/file-names.js";
import { memberPath } from "../../../../dist/core/local/election/member-socket.js";
import type { SeatContent } from "../../../../dist/core/local/election/seat.js";
import type {
  HubOptions,
  HubReport,
  HubRequest,
  Machine,
  Position,
  Socket,
} from "../../../../dist/core/local/machine/machine.js";
import { LocalLog } from "../../../../dist/core/local/member/local-log.js";
import { encodeFrame, encodeJson, kindOf, lengthOf, numberOf, PING, WELCOME } from "../../../../dist/core/log/frame.js";
import { spokenLevels } from "../../../../dist/core/log/levels.js";
import type { LogSink } from "../../../../dist/core/log/log.js";
import { writeSegment } from "../disk/stored.js";
import { ManualClock, manualMachine, place, seatContent } from "../machine/manual-machine.js";
import { ManualSockets } from "../machine/manual-sockets.js";
import { MemoryFiles } from "../machine/memory-files.js";

export const STALL_MS = 5000;
/** ms between two heartbeats of a manager. */
export const BEAT_MS = 1000;
/** Batches in the log of each manager. */
const LAST = 3;

const OPTIONS: HubOptions = {
  fsync: "never",
  gcInterval: 1e9,
  recover: "strict",
  persist: true,
  maxMemberBacklogBytes: 1e6,
  stallTimeout: STALL_MS,
  compactAfterBytes: 1e9,
  levels: spokenLevels(1),
};

/** A manager in another process, with a seat, a socket, and a log of some batches. */
export class Manager {
  readonly epoch: number;
  readonly content: SeatContent;
  readonly path: string;
  /** The kinds of the frames that it got by its newest connection, in order, and the numbers in them. */
  readonly kinds: number[] = [];
  readonly numbers: number[] = [];
  /** Whether it answers; it may accept connections all the same. */
  isMute = false;
  /** Whether it refreshes its seat. */
  isRefreshing = true;
  connectionCount = 0;
  #socket: Socket | null = null;
  readonly #world: World;
  readonly #end: Position;
  #beats = 0;

  constructor(world: World, epoch: number, changes: Partial<SeatContent> = {}) {
    this.#world = world;
    this.epoch = epoch;
    this.content = {
      ...seatContent(`hub.${epoch}a`),
      token: `${epoch}`.padStart(64, "0"),
      pid: 1000 + epoch,
      ...changes,
    };
    this.path = socketPath(place, this.content.socket);
    const { files } = world;
    files.put(seatPath(place, epoch), Buffer.from(JSON.stringify(this.content)));
    this.#end = writeSegment(files, epoch, 1, [1, LAST], null);
    this.listen();
    this.#beat();
  }

  listen(): void {
    this.#world.sockets.serve(this.path, (socket) => this.#accept(socket));
  }

  /** Its process ends: its socket refuses. */
  kill(): void {
    this.isRefreshing = false;
    this.isMute = true;
    this.#world.sockets.kill(this.path);
    this.#socket?.destroy();
  }

  cutOff(): void {
    this.#socket?.destroy();
  }

  send(frame: Buffer): void {
    this.#socket?.write([frame]);
  }

  #accept(socket: Socket) {
    this.connectionCount++;
    this.#socket = socket;
    this.kinds.length = 0;
    this.numbers.length = 0;
    return {
      data: (chunk: Buffer) => {
        for (let at = 0; at < chunk.length; at += lengthOf(chunk, at)) {
          this.kinds.push(kindOf(chunk, at));
          this.numbers.push(numberOf(chunk, at));
        }
        if (!this.isMute && this.kinds.length === 1) this.welcome();
      },
      closed: () => {
        if (this.#socket === socket) this.#socket = null;
      },
    };
  }

  welcome(): void {
    const { epoch, segment, offset } = this.#end;
    const time = 1_000_000 + LAST;
    this.send(
      encodeJson(WELCOME, { epoch, seq: LAST, time }, { segment, offset, bytes: offset, now: this.#world.clock.now() }),
    );
  }

  #beat(): void {
    const { files, clock } = this.#world;
    if (this.isRefreshing) {
      const file = files.names.get(seatPath(place, this.epoch));
      if (file) file.modifiedAt = ++this.#beats;
    }
    if (!this.isMute) this.send(encodeFrame(PING, {}));
    clock.after(BEAT_MS, () => this.#beat());
  }
}

/** A hub of the member's own, which a test lets report. */
export interface OwnHub {
  readonly request: HubRequest;
  readonly report: (report: HubReport) => void;
  readonly calls: string[];
}

export class World {
  readonly files = new MemoryFiles();
  readonly clock = new ManualClock();
  readonly sockets = new ManualSockets(this.files, this.clock);
  /** The hubs that were started: each is a claim. */
  readonly claims: OwnHub[] = [];
  /** What the member has reported, in order. */
  readonly told: string[] = [];
  readonly log: LocalLog;
  readonly #machine: Machine;

  constructor({ candidate = true, ...options }: Partial<HubOptions> & { candidate?: boolean } = {}) {
    const startHub = (request: HubRequest, report: (report: HubReport) => void) => {
      const calls: string[] = [];
      this.claims.push({ request, report, calls });
      return {
        close: (destroy: boolean, hasWritten: boolean) => void calls.push(`close ${destroy} ${hasWritten}`),
        terminate: () => void calls.push("terminate"),
      };
    };
    const { files, clock, sockets } = this;
    const threads = { startHub } as unknown as Machine["threads"];
    this.#machine = { ...manualMachine(files, clock), sockets, threads };
    this.log = new LocalLog(this.#machine, place, { candidate, hub: { ...OPTIONS, ...options } });
  }

  /** The path of the member's own socket. */
  get ownPath(): string {
    return memberPath(place, this.log.member);
  }

  open(): this {
    const note = (what: string) => () => void this.told.push(what);
    const noteError = (what: string) => (error: Error | null) => {
      if (error !== null) this.told.push(`${what} ${(error as NodeJS.ErrnoException).code}`);
    };
    const sink: Partial<LogSink> = {
      restoring: () => {},
      restored: () => {},
      batch: () => {},
      timeShifted: () => {},
      connected: note("connected"),
      disconnected: note("disconnected"),
      managerChanged: (pid, isHere) => void this.told.push(`manager ${pid} ${isHere}`),
      diskTrouble: noteError("trouble"),
      warned: noteError("warning"),
      failed: noteError("failed"),
    };
    this.log.open(sink as LogSink);
    this.clock.run();
    return this;
  }

  /** Lets so much time pass that whatever does not wait for a lease or a silence has happened. */
  settle(): this {
    this.clock.pass(300);
    return this;
  }

  /** What another process meets at a path: a code, or nothing. */
  answerOf(path: string): string {
    let answer = "";
    const [directory, name] = [path.slice(0, path.lastIndexOf("/")), path.slice(path.lastIndexOf("/") + 1)];
    this.sockets.connect(directory, name, {
      data: () => {},
      closed: (error) => (answer = (error as NodeJS.ErrnoException | null)?.code ?? ""),
    });
    this.clock.run();
    return answer;
  }

  get isConnected(): boolean {
    return this.told.lastIndexOf("connected") > this.told.lastIndexOf("disconnected");
  }

  /** The codes of what was reported as trouble, each once. */
  get troubles(): string[] {
    const troubles = this.told.filter((what) => what.startsWith("trouble "));
    return [...new Set(troubles.map((what) => what.slice(8)))];
  }

  /** The own hub of the last claim gets the seat of an epoch, and listens. */
  serve(epoch: number, isMute = false, isDamaged = false): Manager {
    const { request, report } = this.claims.at(-1) as OwnHub;
    const manager = new Manager(this, epoch, { pid: 42 });
    manager.isMute = isMute;
    report({ kind: "serving", epoch: request.epoch + 1, isDamaged });
    this.clock.run();
    return manager;
  }
}
