/** Places where a request waits until the test lets it go on, so that the test decides the order of events on any machine. */

interface Gate {
  readonly reached: Promise<void>;
  readonly opened: Promise<void>;
  reach(): void;
  open(): void;
}

export class Gates {
  readonly #gates = new Map<string, Gate>();

  /** Waits at a gate until it is open. */
  async pass(name: string): Promise<void> {
    const gate = this.#at(name);
    gate.reach();
    await gate.opened;
    this.#gates.delete(name);
  }

  /** Resolves when a request waits at a gate. */
  reached(name: string): Promise<void> {
    return this.#at(name).reached;
  }

  open(name: string): void {
    this.#at(name).open();
  }

  #at(name: string): Gate {
    const known = this.#gates.get(name);
    if (known !== undefined) return known;
    let reach = (): void => {};
    let open = (): void => {};
    const reached = new Promise<void>((resolve) => {
      reach = resolve;
    });
    const opened = new Promise<void>((resolve) => {
      open = resolve;
    });
    const gate = { reached, opened, reach, open };
    this.#gates.set(name, gate);
    return gate;
  }
}
