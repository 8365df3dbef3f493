/** The processes of a round, found by their environment, whichever process started them. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { until } from "../cluster/processes.js";
import { ASSIGNMENT, placesOf } from "./settings.js";

/** How long, in ms, a process may take to stop. */
const STOP_MS = 200;

/** A member that is alive. */
export type Pid = number;

/** The seat of the newest epoch. */
export interface Manager {
  readonly epoch: number;
  readonly pid: Pid;
}

/** How many looks in a row must find no process before there counts as none. */
const LOOKS = 5;

export class Population {
  readonly #directory: string;
  readonly #mark: string;
  readonly #seats: string;

  constructor(directory: string) {
    this.#directory = directory;
    this.#mark = JSON.stringify(directory);
    this.#seats = placesOf(directory).database;
  }

  /** All processes of the round: members and the processes that start them. */
  get all(): Pid[] {
    return readdirSync("/proc")
      .filter((name) => /^\d+$/.test(name))
      .map(Number)
      .filter((pid) => this.#isOurs(pid));
  }

  /** The members that are alive, frozen ones included. */
  get members(): Pid[] {
    return this.all.filter((pid) => isMember(textOf(pid, "cmdline")));
  }

  /** The process that has the newest seat, dead or alive; undefined: there was none yet. */
  get manager(): Manager | undefined {
    try {
      const epochs = readdirSync(this.#seats).flatMap((name) =>
        /^seat\.\d+$/.test(name) ? [Number(name.slice(5))] : [],
      );
      const epoch = Math.max(...epochs);
      return { epoch, pid: (JSON.parse(readFileSync(join(this.#seats, `seat.${epoch}`), "utf8")) as Manager).pid };
    } catch {
      // Not there yet, or fenced between the two calls.
      return undefined;
    }
  }

  /** Stops a process. Returns once it is: it appends nothing between a look at a file and its damage. @returns false when it is gone, or goes on. */
  stop(pid: Pid): boolean {
    if (!this.signal(pid, "SIGSTOP")) return false;
    for (const end = performance.now() + STOP_MS; performance.now() < end; ) if (this.isStopped(pid)) return true;
    this.signal(pid, "SIGCONT");
    return false;
  }

  /** Whether a process does nothing until it is continued: all its threads. */
  isStopped(pid: Pid): boolean {
    try {
      const threads = readdirSync(`/proc/${pid}/task`);
      return threads.every((thread) => / T /.test(textOf(pid, `task/${thread}/stat`).replace(/^.*\)/s, "")));
    } catch {
      return false;
    }
  }

  /** False when there is no such process any more. */
  signal(pid: Pid, signal: NodeJS.Signals): boolean {
    try {
      return this.#isOurs(pid) && process.kill(pid, signal);
    } catch {
      return false;
    }
  }

  /** Returns when no process is left. */
  async end(): Promise<void> {
    await this.gone(() => {
      const left = this.all;
      for (const pid of left) this.signal(pid, "SIGKILL");
      return left;
    });
  }

  /** Returns when none of the processes that `look` gives is left. One that is just being started shows no environment. */
  async gone(look: () => readonly Pid[], deadlineMs?: number): Promise<void> {
    let emptyCount = 0;
    const isGone = () => {
      emptyCount = look().length === 0 ? emptyCount + 1 : 0;
      return emptyCount === LOOKS;
    };
    await until(`the processes of ${this.#directory} are gone`, isGone, deadlineMs);
  }

  #isOurs(pid: Pid): boolean {
    const environment = textOf(pid, "environ");
    return environment.includes(`${ASSIGNMENT}=`) && environment.includes(this.#mark);
  }
}

const isMember = (commandLine: string): boolean =>
  commandLine.includes("chaos/member.js") && !commandLine.includes("bin/pm2");

/** Of a process that has ended, or of another user: nothing. */
function textOf(pid: Pid, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, "utf8");
  } catch {
    return "";
  }
}
