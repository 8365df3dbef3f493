/** Whether the process of the manager has opened the storage with the same options, as far as they are the manager's to obey. */
import { StorageError } from "../../errors.js";
import type { LogSink } from "../../log/log.js";
import type { HubOptions } from "../machine/machine.js";
import { type ManagerOptions, managerOptions } from "../wire/messages.js";

export class OptionCheck {
  readonly own: HubOptions;
  /** What was reported last. */
  #reported = "";

  constructor(own: HubOptions) {
    this.own = own;
  }

  /** Reports options that differ: once, until others do. @param manager Those of the manager; null: it does not say. */
  compare(manager: ManagerOptions | null, sink: LogSink): void {
    const own = managerOptions(this.own);
    const names = (Object.keys(own) as (keyof ManagerOptions)[]).filter(
      (name) => manager && own[name] !== manager[name],
    );
    const differences = names.map(
      (name) =>
        `${name} ${JSON.stringify(own[name])} here and ${JSON.stringify(manager?.[name])} in the process of the manager`,
    );
    const text = differences.join(", ");
    if (text === this.#reported) return;
    this.#reported = text;
    if (text !== "")
      sink.warned(new StorageError("ERR_STORAGE_OPTIONS", `${EXPECTED}, got ${text}, which is what applies now`));
  }
}

const EXPECTED = "expected all processes to open the storage with the same options";
