/**
 * Lets one write at a time through. A write that does not block is over in a later turn of the event loop; what must not
 * happen meanwhile waits here.
 */
export class WriteGate {
  #isWriting = false;
  #waiting: (() => void)[] = [];

  get isWriting(): boolean {
    return this.#isWriting;
  }

  /** Calls when no write is under way: at once, or when it is over. Calls come in the order in which they were asked for. */
  whenWritten(call: () => void): void {
    if (this.#isWriting) this.#waiting.push(call);
    else call();
  }

  /**
   * Begins a write; none is under way.
   * @param write Calls its argument once, when the write is over.
   * @param done Called then, before all that waits.
   */
  write<T>(write: (written: (result: T) => void) => void, done: (result: T) => void): void {
    this.#isWriting = true;
    write((result) => {
      this.#isWriting = false;
      done(result);
      // A call may begin a write, and the calls after it wait for that one, too.
      for (const call of this.#waiting.splice(0)) this.whenWritten(call);
    });
  }
}
