/** A directory with storages of this process and of others; all of it is gone when the test ends. */
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { Storage, type StorageOptions } from "../../../dist/core/index.js";
import { type Member, Processes } from "../../proof/cluster/processes.js";

export class Home {
  readonly directory: string;
  readonly #options: StorageOptions;
  readonly #storages: Storage[] = [];
  readonly #processes: Processes;

  constructor(t: TestContext, options: StorageOptions = {}) {
    this.directory = mkdtempSync(join(tmpdir(), "cluster-storage-"));
    this.#options = { path: this.directory, ...options };
    t.after(async () => {
      await Promise.all(this.#storages.map((storage) => storage.close().catch(() => {})));
      await Promise.all(this.#processes.members.map((member) => member.kill()));
      rmSync(this.directory, { recursive: true, force: true });
    });
    this.#processes = new Processes(t, this.#options);
  }

  get file(): string {
    return join(this.directory, "app.db");
  }

  get folder(): string {
    return join(this.directory, "app.db.d");
  }

  /** The names in the directory, sorted. */
  names(): string[] {
    return readdirSync(this.directory).sort();
  }

  /** Opens "app" in this process; does not wait. */
  begin(options: StorageOptions = {}): Storage {
    const storage = new Storage("app", { ...this.#options, ...options });
    this.#storages.push(storage);
    return storage;
  }

  /** Opens "app" in this process and waits until it has everything. */
  async open(options: StorageOptions = {}): Promise<Storage> {
    const storage = this.begin(options);
    await storage.sync();
    return storage;
  }

  /** Opens "app" in another process and waits until it has everything. */
  async member(options: StorageOptions = {}): Promise<Member> {
    const member = this.#processes.start(options);
    await member.call("sync");
    return member;
  }
}
