/** Copies of a storage's files that are taken while members work. Each is opened by a process of its own. */
import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Copied } from "./checker.js";
import type { Inherited } from "./heir.js";
import { now } from "./records.js";
import { placesOf } from "./settings.js";
import type { Tally } from "./tally.js";
import { endOfCopy } from "./witness.js";

const HEIR = fileURLToPath(new URL("./heir.js", import.meta.url));

/** What `cp` says when it has missed a segment, a snapshot or the copy; sockets and seats may come and go. */
const MISSED = /\/(log|snapshot)\.\d|\.db['’]/;

/** Most copies of a round: each takes time of the machine that the members lack. */
const MAX_COPIES = 3;

/**
 * What `cp` promises: it lists the directory first. Segments only grow, and one that names a predecessor was begun after the end
 * of that. So the copy shows all that was confirmed before, unless `cp` misses a file that a compaction has removed meanwhile, which it
 * reports. Then the copy may lack something, or be refused as corrupt; what it shows was the whole state once all the same.
 */
export class Copies {
  readonly #directory: string;
  readonly #tally: Tally;
  readonly #taken: Promise<Copied | string>[] = [];
  readonly #processes = new Set<ChildProcess>();
  #isCopying = false;

  constructor(directory: string, tally: Tally) {
    this.#directory = directory;
    this.#tally = tally;
  }

  /** Whether files are being copied now. */
  get isCopying(): boolean {
    return this.#isCopying;
  }

  /** Begins one, unless there are enough. */
  take(flag: "-r" | "-a"): void {
    const number = this.#taken.length + 1;
    if (number > MAX_COPIES || this.#isCopying) return;
    this.#taken.push(this.#copy(flag, number).catch((error: Error) => `copy ${number}: ${error.stack}`));
  }

  /** What they show, and what is wrong. */
  async outcome(): Promise<{ copies: Copied[]; problems: string[] }> {
    const all = await Promise.all(this.#taken);
    return {
      copies: all.filter((one) => typeof one !== "string"),
      problems: all.filter((one) => typeof one === "string").filter((problem) => problem !== ""),
    };
  }

  /** Ends what still runs. */
  end(): void {
    for (const one of this.#processes) one.kill("SIGKILL");
  }

  /** Empty text: it was refused, and may be. */
  async #copy(flag: string, number: number): Promise<Copied | string> {
    const { storage, copies } = placesOf(this.#directory);
    const path = join(copies, String(number));
    mkdirSync(copies, { recursive: true });
    const by = `copy ${number}, by cp ${flag}`;
    const beganAt = now();
    this.#isCopying = true;
    const cp = await this.#run("cp", flag, storage, path);
    this.#isCopying = false;
    const isWhole = cp.code === 0 || !MISSED.test(cp.output);
    this.#tally.count("copies");
    if (!isWhole) this.#tally.count("copies that missed a file");
    const seq = endOfCopy(path);
    const { output, code } = await this.#run(process.execPath, HEIR, path);
    if (code !== 0) return `${by}: its process ended with ${code}: ${output}`;
    const inherited = JSON.parse(output.trim().split("\n").at(-1) as string) as Inherited;
    if ("state" in inherited) return { by, seq, beganAt, isWhole, state: inherited.state, time: inherited.at };
    this.#tally.count("copies refused");
    const { code: reason, message } = inherited;
    return !isWhole && reason === "ERR_STORAGE_CORRUPT"
      ? ""
      : `${by} was refused: ${reason} ${message}, cp: ${cp.output}`;
  }

  #run(program: string, ...parameters: string[]): Promise<{ output: string; code: number | null }> {
    return new Promise((resolve, reject) => {
      const child = spawn(program, parameters, {
        env: { ...process.env, LC_ALL: "C" },
        stdio: ["ignore", "pipe", "pipe"],
      });
      this.#processes.add(child);
      let output = "";
      for (const stream of [child.stdout, child.stderr]) {
        stream.setEncoding("utf8").on("data", (text: string) => {
          output += text;
        });
      }
      child.on("error", reject);
      child.on("close", (code) => {
        this.#processes.delete(child);
        resolve({ output, code });
      });
    });
  }
}
