/** A frame connection that hands what happens to it to a test. */
import type { Socket } from "../../../../dist/core/local/machine/machine.js";
import { FrameConnection } from "../../../../dist/core/local/wire/frame-connection.js";

export interface Recorder {
  receive(frame: Buffer): void;
  disconnected(reason: Error | null): void;
}

export class RecordedConnection extends FrameConnection {
  readonly #recorder: Recorder;

  constructor(socket: Socket, maxFrameBytes: number, recorder: Recorder) {
    super(maxFrameBytes, () => socket);
    this.#recorder = recorder;
  }

  protected override receive(buffer: Buffer, start: number, end: number): void {
    this.#recorder.receive(buffer.subarray(start, end));
  }

  protected override disconnected(reason: Error | null): void {
    this.#recorder.disconnected(reason);
  }
}
