/** Real sockets in directories of a test, whose paths are as long as it wants. */
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { diskFiles } from "../../../../dist/core/local/machine/files.js";
import type { Files, Listener, Socket } from "../../../../dist/core/local/machine/machine.js";
import { unixSockets } from "../../../../dist/core/local/machine/sockets.js";
import { temporaryDirectory } from "../../../proof/cluster/processes.js";

export const NAME = "hub.0123456789abcdef";
export const sockets = unixSockets(diskFiles);

/** A directory whose path has so many bytes, or as few as possible. */
export function directoryOf(t: TestContext, bytes: number): string {
  let directory = temporaryDirectory(t);
  for (let left = bytes - directory.length - 1; left > 0; left = bytes - directory.length - 1) {
    // A name has at most 255 bytes, and at least one must be left for the next.
    directory = join(directory, "d".repeat(left > 200 ? 150 : left));
  }
  mkdirSync(directory, { recursive: true });
  return directory;
}

/** Listens and answers each connection with a text. */
export function listen(t: TestContext, directory: string, text = "", own = sockets): Promise<Listener> {
  return new Promise((resolve, reject) => {
    const accept = (socket: Socket) => {
      socket.write([Buffer.from(text)]);
      socket.end();
      return { data: () => {}, closed: () => {} };
    };
    own.listen(directory, NAME, accept, (error, listener) => {
      t.after(() => listener.close());
      if (error) reject(error);
      else resolve(listener);
    });
  });
}

/** Connects; resolves with what came, or with the code of the error. */
export function answerOf(directory: string, own = sockets): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    own.connect(directory, NAME, {
      data: (chunk) => (text += chunk),
      closed: (error) => resolve((error as NodeJS.ErrnoException | null)?.code ?? text),
    });
  });
}

/** The files of a platform that has no path for an open directory. */
export const withoutAlias = (changes: Partial<Files> = {}): Files => ({
  ...diskFiles,
  pin: (directory) => ({ ...diskFiles.pin(directory), directory }),
  ...changes,
});
