/** A process that connects to the real socket of a hub and does not keep to the protocol. */
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { placeOf } from "../../../dist/core/local/disk/file-names.js";
import { newestSeat, type SeatContent } from "../../../dist/core/local/election/seat.js";
import { nodeMachine } from "../../../dist/core/local/machine/node-machine.js";
import { PROTOCOL } from "../../../dist/core/local/wire/messages.js";
import { encodeJson, HELLO, lengthOf } from "../../../dist/core/log/frame.js";
import { teardown } from "../cluster/teardown.js";

/** The seat of "app" in a directory, and the path of its socket. */
export function seatIn(directory: string): SeatContent & { readonly address: string } {
  const place = placeOf(directory, "app");
  const content = newestSeat(nodeMachine, place)?.content;
  if (!content) throw new Error(`expected a seat in ${directory}, got none`);
  return { ...content, address: join(place.directory, content.socket) };
}

export class Stranger {
  readonly #socket: Socket;
  #received = Buffer.alloc(0);
  isClosed = false;

  constructor(t: TestContext, address: string) {
    this.#socket = connect({ path: address, allowHalfOpen: true });
    this.#socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
    // The other side has closed: so must this one, or it would wait forever.
    this.#socket.on("end", () => this.#socket.destroy());
    this.#socket.on("error", () => {});
    this.#socket.on("close", () => {
      this.isClosed = true;
    });
    teardown(t, () => this.leave());
  }

  get receivedBytes(): number {
    return this.#received.length;
  }

  /** The kinds of the whole frames that it got. */
  get kinds(): number[] {
    const kinds: number[] = [];
    for (let at = 0; at + 12 <= this.#received.length; at += lengthOf(this.#received, at)) {
      kinds.push(this.#received.readUInt32LE(at + 8));
    }
    return kinds;
  }

  say(...bytes: Buffer[]): this {
    if (!this.#socket.destroyed) this.#socket.write(Buffer.concat(bytes));
    return this;
  }

  /** Sends bytes one by one, one each `ms`. */
  saySlowly(bytes: Buffer, ms: number): this {
    let at = 0;
    const timer = setInterval(() => {
      if (this.isClosed || at === bytes.length) clearInterval(timer);
      else this.say(bytes.subarray(at, ++at));
    }, ms);
    return this;
  }

  /** Sends nothing more, and still reads. */
  hangUp(): this {
    this.#socket.end();
    return this;
  }

  /** Takes nothing of what is sent to him. */
  turnDeaf(): this {
    this.#socket.pause();
    return this;
  }

  /** Takes no more than so many bytes each `ms` of what is sent to him. */
  listenSlowly(bytes: number, ms: number): this {
    this.#socket.pause();
    this.#socket.removeAllListeners("data");
    const timer = setInterval(() => {
      if (this.isClosed) clearInterval(timer);
      else this.#socket.read(bytes);
    }, ms);
    return this;
  }

  leave(): void {
    this.#socket.destroy();
  }
}

/** A hello with whatever token. */
export function helloOf(token: string, hello: Record<string, unknown> = {}): Buffer {
  return encodeJson(HELLO, {}, { protocol: PROTOCOL, token, member: "stranger", ...hello });
}
