/** Writes the confirmed state that this member holds to the files, when its hub asks for that. */
import { codeOf } from "../../errors.js";
import type { LogSink, StateView } from "../../log/log.js";
import { inSlices, type Steps } from "../disk/steps.js";
import type { FileReport, HealOrder } from "../machine/healing.js";
import type { Machine, Place } from "../machine/machine.js";
import { MovedError } from "../machine/pinned-files.js";
import { publish } from "../upkeep/compactor.js";

/** ms between two reports of a member that writes. */
const REPORT_MS = 1000;

/**
 * Invariants:
 *
 * 1. What is written is the state at the seq of the order, and what was confirmed alone: the sink stands there when the order comes.
 *    So the snapshot is a prefix of the history, whenever it is published and whoever is the manager then.
 * 2. It is published in the directory in which the hub is, and in no other one at its path.
 */
export class Healer {
  readonly #machine: Machine;
  readonly #place: Place;
  #stop: (() => void) | null = null;

  constructor(machine: Machine, place: Place) {
    this.#machine = machine;
    this.#place = place;
  }

  /**
   * Begins to write the state of the sink, which stands where the order says; what was begun before is stopped.
   * @param directoryId {@link Pin.id} of the directory of the hub.
   * @param report Called later: some times while it is written, then once with the result, unless it is stopped.
   */
  heal(order: HealOrder, sink: LogSink, directoryId: string, report: (report: FileReport) => void): void {
    this.stop();
    const { clock } = this.#machine;
    const { seq } = order;
    const view = sink.view();
    if (view === null || view.head.seq !== seq) {
      view?.close();
      report({ kind: "declined", seq });
      return;
    }
    const stopReporting = this.#reportAgain(() => report({ kind: "writing", seq }));
    const stopWriting = inSlices(clock)(this.#write(order, view, directoryId), (error, bytes = 0) => {
      stopReporting();
      this.#stop = null;
      if (error === null) report({ kind: "healed", seq, bytes });
      else report({ kind: "failed", seq, code: codeOf(error) || "ERR_STORAGE_DISK", message: error.message });
    });
    this.#stop = () => {
      stopReporting();
      stopWriting();
      // Steps that were never begun end nothing.
      view.close();
    };
  }

  /** Nothing more is written or reported. What is half written is removed. */
  stop(): void {
    this.#stop?.();
    this.#stop = null;
  }

  *#write({ epoch, history, clock }: HealOrder, view: StateView, directoryId: string): Steps<number> {
    try {
      const pin = this.#machine.files.pin(this.#place.directory);
      try {
        if (pin.id !== directoryId) throw new MovedError(this.#place.directory);
        const machine = { ...this.#machine, files: pin.files };
        return yield* publish(machine, this.#place, epoch, { ...view.head, history, clock }, view.entries());
      } finally {
        pin.close();
      }
    } finally {
      view.close();
    }
  }

  /** Returns a function that ends it. */
  #reportAgain(report: () => void): () => void {
    const { clock } = this.#machine;
    let timer = clock.after(REPORT_MS, function again() {
      timer = clock.after(REPORT_MS, again);
      report();
    });
    return () => timer.cancel();
  }
}
