/** Starts member processes (`member.mjs` or another program that answers jobs) and asks them to do things. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { pinned } from "./peers.mjs";

/** One process with a store open. */
export class Member {
  #child;
  #answers = new Map();
  #asked = 0;

  /** @param core The only one that it may use; by default any. */
  constructor(kind, options, program = "member.mjs", core = undefined) {
    const [execPath, ...execArgv] = [...pinned(core), process.execPath];
    const path = fileURLToPath(new URL(program, import.meta.url));
    this.#child = fork(path, [JSON.stringify({ kind, ...options })], {
      stdio: ["ignore", "inherit", "inherit", "ipc"],
      execPath,
      execArgv,
    });
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
      this.#answers.set(number, { resolve, reject });
      this.#child.send({ number, job, parameters }, (error) => error && reject(error));
    });
  }

  async stop() {
    await this.ask("close").catch(() => {});
    this.#child.kill("SIGKILL");
    await this.ended;
  }
}

/** Starts `count` members one after another; null when their store is absent here. */
export async function startMembers(count, kind, options) {
  const members = [];
  for (let index = 0; index < count; index++) {
    const member = new Member(kind, options);
    members.push(member);
    if (!(await member.ask("open"))) {
      await stopMembers(members);
      return null;
    }
  }
  return members;
}

export async function stopMembers(members) {
  await Promise.all((members ?? []).map((member) => member.stop()));
}
