/** A replica that has joined, with what a test of its coordination needs. */
import type { Entry } from "../../../dist/core/log/entry.js";
import type { UpdateOptions, Updater } from "../../../dist/core/replica/coordination.js";
import { entriesOf, openReplica, tick } from "./opened-replica.js";

/** A replica that has joined; `update` counts how often its function is called. */
export function joined() {
  const open = openReplica();
  open.join();
  const { coordination } = open.replica;
  const calls: unknown[] = [];
  const state = { isOpen: true };
  const expectOpen = (): void => {
    if (!state.isOpen) throw new Error("closed");
  };
  const update = (path: string | string[], fn: Updater, options: UpdateOptions = {}) =>
    coordination.update(
      path,
      (current) => {
        calls.push(current);
        return fn(current);
      },
      options,
      expectOpen,
    );
  /** Confirms what was sent and not confirmed. */
  let confirmedCount = 0;
  const confirmAll = async () => {
    await tick();
    for (; confirmedCount < open.sent.length; confirmedCount++) open.confirm();
    await tick();
  };
  const next = (): Entry[] => entriesOf(open.sent.at(-1));
  return { open, replica: open.replica, coordination, update, calls, state, confirmAll, next };
}
