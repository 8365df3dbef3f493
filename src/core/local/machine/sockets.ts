/** The real `Sockets`: Unix domain sockets, named pipes on Windows. The only file that imports node:net. */
import { randomBytes } from "node:crypto";
import { connect, createServer, type Socket as NetSocket } from "node:net";
import { join } from "node:path";
import { codeOf, StorageError } from "../../errors.js";
import { soon } from "../../runtime.js";
import { withAddress } from "./address.js";
import { isOtherThanSocket } from "./files.js";
import type { Files, Listener, Socket, SocketEvents, Sockets } from "./machine.js";
import { WriteQueue } from "./write-queue.js";

/** How often a socket is bound whose temporary name is gone: a new manager, which has just cleaned up, took it for a stray. */
const LISTEN_TRIES = 5;

/** Connections that may wait to be accepted: more than members that start at the same moment. */
const LISTEN_BACKLOG = 511;

/** What a name is until its socket listens; what a process that ends at that moment leaves is removed by the next manager. */
const temporaryName = (): string => `tmp.0.${randomBytes(8).toString("hex")}`;

/** Wraps a socket of node:net and lets it call its events, `closed` exactly once. */
function wrap(net: NetSocket, eventsFor: (socket: Socket) => SocketEvents, path = ""): Socket {
  let failure: Error | null = null;
  const queue = new WriteQueue(net);
  const socket: Socket = {
    write: (buffers) => queue.write(buffers),
    get queuedBytes() {
      return queue.queuedBytes;
    },
    pause: () => void net.pause(),
    resume: () => void net.resume(),
    end: () => queue.end(),
    destroy() {
      queue.clear();
      net.destroy();
    },
  };
  const events = eventsFor(socket);
  net.on("connect", () => events.connected?.());
  net.on("data", (chunk) => events.data(chunk));
  net.on("error", (error) => {
    failure = error;
  });
  net.on("close", () => events.closed(failure && asRefused(failure, path)));
  net.unref();
  return socket;
}

/**
 * A pipe of Windows vanishes with its process, so that its absence is what a refusal is elsewhere. There, a file or a directory
 * refuses too, and is no socket whose process has ended.
 */
function asRefused(error: Error, path: string): Error {
  const code = codeOf(error);
  if (process.platform === "win32") return code === "ENOENT" ? withCode(error, "ECONNREFUSED") : error;
  return code === "ECONNREFUSED" && isOtherThanSocket(path) ? withCode(error, "ENOENT") : error;
}

const withCode = (cause: Error, code: string): Error =>
  Object.assign(new Error(`${code}: ${cause.message}`, { cause }), { code });

/** Codes of a bind on a file system that has no sockets. This process could create a file there before. */
const NO_SOCKETS: ReadonlySet<string> = new Set(["EPERM", "ENOTSUP", "EOPNOTSUPP", "ENOSYS"]);

/** The error of a bind as what a person can do about it. */
function asDirectoryError(cause: Error, directory: string): Error {
  const code = codeOf(cause);
  if (!NO_SOCKETS.has(code)) return cause;
  const message = `expected a file system that takes sockets at ${directory}, got ${code}: choose a directory on another one, as ext4, XFS, Btrfs, ZFS, APFS or tmpfs`;
  return new StorageError("ERR_STORAGE_DIRECTORY", message, { cause });
}

const NO_LISTENER: Listener = { close: () => {} };

function listenAt(
  files: Files,
  directory: string,
  name: string,
  accept: (socket: Socket) => SocketEvents,
  done: (error: Error | null, listener: Listener) => void,
  tries = LISTEN_TRIES,
): void {
  const isWindows = process.platform === "win32";
  const first = isWindows ? name : temporaryName();
  const server = createServer((net) => void wrap(net, accept));
  const fail = (error: Error) => {
    server.close();
    done(asMissing(files, join(directory, first), error), NO_LISTENER);
  };
  const failToBind = (error: Error) => fail(asDirectoryError(error, directory));
  server.once("error", failToBind);
  server.once("listening", () => {
    server.off("error", failToBind);
    // An error of accept (EMFILE, say) concerns one connection: that member tries again.
    server.on("error", () => {});
    server.unref();
    try {
      if (!isWindows) files.rename(join(directory, first), join(directory, name));
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || tries === 1) fail(error as Error);
      else {
        server.close();
        listenAt(files, directory, name, accept, done, tries - 1);
      }
      return;
    }
    done(null, { close: () => void server.close() });
  });
  try {
    // Without `exclusive`, a worker of node:cluster would leave listening to its primary.
    withAddress(files, directory, first, (path) => server.listen({ path, exclusive: true, backlog: LISTEN_BACKLOG }));
  } catch (error) {
    // It may have been bound before something else failed.
    server.removeAllListeners().on("error", () => {});
    soon(() => fail(error as Error));
  }
}

/**
 * Node.js reports a directory that is missing as one that this process may not use, which is another thing: the last member may
 * just have removed it.
 */
function asMissing(files: Files, path: string, error: Error): Error {
  if (codeOf(error) !== "EACCES") return error;
  try {
    files.close(files.open(path, "create"));
    files.unlink(path);
    return error;
  } catch (reason) {
    return reason as Error;
  }
}

function connectTo(files: Files, directory: string, name: string, events: SocketEvents): Socket {
  try {
    const net = withAddress(files, directory, name, (path) => connect({ path }));
    return wrap(net, () => events, join(directory, name));
  } catch (error) {
    soon(() => events.closed(error as Error));
    return CLOSED;
  }
}

/** A socket that never was open. */
const CLOSED: Socket = {
  write: () => {},
  queuedBytes: 0,
  pause: () => {},
  resume: () => {},
  end: () => {},
  destroy: () => {},
};

/** Sockets of this machine. */
export function unixSockets(files: Files): Sockets {
  return {
    listen: (directory, name, accept, done) => listenAt(files, directory, name, accept, done),
    connect: (directory, name, events) => connectTo(files, directory, name, events),
  };
}
