/** The real `Sockets`: Unix domain sockets, named pipes on Windows. The only file that imports node:net. */
import { randomBytes } from "node:crypto";
import { connect, createServer, type Socket as NetSocket, type Server } from "node:net";
import { addressesFor, isSocketName } from "./address.js";
import type { Files, Listener, Socket, SocketEvents, Sockets } from "./machine.js";

/** Connections that may wait to be accepted: more than members that start at the same moment. */
const LISTEN_BACKLOG = 511;

/** Wraps a socket of node:net and lets it call its events, `closed` exactly once. */
function wrap(net: NetSocket, eventsFor: (socket: Socket) => SocketEvents): Socket {
  let failure: Error | null = null;
  const socket: Socket = {
    write(buffers) {
      if (buffers.length === 1) {
        net.write(buffers[0] as Buffer);
        return;
      }
      net.cork();
      for (const buffer of buffers) net.write(buffer);
      net.uncork();
    },
    get queuedBytes() {
      return net.writableLength;
    },
    pause: () => void net.pause(),
    resume: () => void net.resume(),
    end: () => void net.end(),
    destroy: () => void net.destroy(),
  };
  const events = eventsFor(socket);
  net.on("connect", () => events.connected?.());
  net.on("data", (chunk) => events.data(chunk));
  net.on("error", (error) => {
    failure = error;
  });
  net.on("close", () => events.closed(failure));
  net.unref();
  return socket;
}

/** Listens on the first of the addresses that works. */
function listenOn(
  addresses: Iterator<string>,
  accept: (socket: Socket) => SocketEvents,
  done: (error: Error | null, address: string, server: Server | null) => void,
  before: Error | null = null,
): void {
  let address: string;
  try {
    const next = addresses.next();
    if (next.done) {
      done(before, "", null);
      return;
    }
    address = next.value;
  } catch (error) {
    done(error as Error, "", null);
    return;
  }
  const server = createServer((net) => void wrap(net, accept));
  const retry = (error: Error) => listenOn(addresses, accept, done, error);
  server.once("error", retry);
  // Without `exclusive`, a worker of node:cluster would leave listening to its primary.
  server.listen({ path: address, exclusive: true, backlog: LISTEN_BACKLOG }, () => {
    server.off("error", retry);
    // An error of accept (EMFILE, say) concerns one connection: that member tries again.
    server.on("error", () => {});
    server.unref();
    done(null, address, server);
  });
}

/** Sockets of this machine. */
export function unixSockets(files: Files): Sockets {
  return {
    listen(directory, accept, done) {
      const addresses = addressesFor(files, directory, randomBytes(12).toString("hex"));
      listenOn(addresses, accept, (error, address, server) => {
        const listener: Listener = { close: () => void server?.close() };
        done(error, address, listener);
      });
    },
    connect: (address, events) => wrap(connect({ path: address }), () => events),
    remove(address) {
      if (isSocketName(address)) files.unlink(address);
    },
  };
}
