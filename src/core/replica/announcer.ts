/**
 * Calls listeners one after the other, once the state that they may look at is whole, in a microtask of their own. One
 * that throws is reported by the runtime as an uncaught error and keeps nobody else from being called.
 */
export class Announcer {
  #calls: (() => void)[] = [];
  #isScheduled = false;

  push(call: () => void): void {
    this.#calls.push(call);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => this.#run());
  }

  #run(): void {
    this.#isScheduled = false;
    const calls = this.#calls;
    this.#calls = [];
    let count = 0;
    try {
      for (const call of calls) {
        count++;
        call();
      }
    } finally {
      if (count < calls.length) {
        this.#calls = [...calls.slice(count), ...this.#calls];
        this.#schedule();
      }
    }
  }
}
