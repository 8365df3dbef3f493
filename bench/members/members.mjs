/** Starts member processes (`member.mjs` or another program that answers jobs) and asks them to do things. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { keepChild } from "../measure/children.mjs";
import { pinned } from "../peers/servers.mjs";

/** Longest time, in ms, that a member may take to do what it was asked. */
const PATIENCE_MS = 180_000;

/** One process with a store open. */
export class Member {
  #child;
  #answers = new Map();
  #asked = 0;
  #kind;

  /**
   * @param options `program`: a file beside this one; `core`: the only one that it may use, by default any; `execArgv`.
   *   All is passed on to the member.
   */
  constructor(kind, { program = "member.mjs", core = undefined, execArgv = [], ...options } = {}) {
    this.#kind = kind;
    const [execPath, ...before] = [...pinned(core), process.execPath];
    const path = fileURLToPath(new URL(program, import.meta.url));
    const stdio = ["ignore", "inherit", "inherit", "ipc"];
    const parameters = [JSON.stringify({ kind, ...options })];
    this.#child = keepChild(fork(path, parameters, { stdio, execPath, execArgv: [...before, ...execArgv] }));
    this.#child.on("message", ({ number, result, error }) => {
      const { resolve, reject } = this.#answers.get(number);
      this.#answers.delete(number);
      if (error) reject(new Error(error));
      else resolve(result);
    });
    this.ended = once(this.#child, "exit").then(() => {
      for (const { reject } of this.#answers.values()) reject(new Error("the member ended"));
    });
  }

  get pid() {
    return this.#child.pid;
  }

  /** Runs one of the member's jobs; resolves with what it returns. */
  ask(job, parameters = {}) {
    const number = ++this.#asked;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`expected ${this.#kind} to end its job ${job}`)), PATIENCE_MS);
      const settle = (how) => (value) => {
        clearTimeout(timer);
        how(value);
      };
      this.#answers.set(number, { resolve: settle(resolve), reject: settle(reject) });
      this.#child.send({ number, job, parameters }, (error) => error && settle(reject)(error));
    });
  }

  kill(signal = "SIGKILL") {
    process.kill(this.pid, signal);
  }

  async stop() {
    await this.ask("close").catch(() => {});
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

/** Starts one member; null when its store is absent here. */
export async function startMember(kind, options) {
  const member = new Member(kind, options);
  if (await member.ask("open")) return member;
  await member.stop();
  return null;
}

/** Starts `count` members, the first one before the others; null when their store is absent here. */
export async function startMembers(count, kind, options) {
  const first = await startMember(kind, options);
  if (first === null) return null;
  const others = Array.from({ length: count - 1 }, () => startMember(kind, options));
  return [first, ...(await Promise.all(others))];
}

export async function stopMembers(members) {
  await Promise.all((members ?? []).map((member) => member.stop()));
}

/** Asks all the members for the same. */
export const askAll = (members, job, parameters) => Promise.all(members.map((member) => member.ask(job, parameters)));

/** The manager and the others, of members that have a storage open. */
export async function withManagerFirst(members) {
  const pid = await members[0].ask("managerPid");
  const manager = members.find((member) => member.pid === pid);
  return [manager, ...members.filter((member) => member !== manager)];
}
