/** A process at a bare Unix socket: `echo` sends back what it gets, `sink` only counts it, `relay` passes it on to all other connections. */
import { createServer } from "node:net";

const [, , kind, address] = process.argv;
const sockets = new Set();
let byteCount = 0;

const TAKES = {
  echo: (socket, chunk) => socket.write(chunk),
  sink: (_socket, chunk) => {
    byteCount += chunk.length;
  },
  relay: (socket, chunk) => {
    for (const other of sockets) if (other !== socket) other.write(chunk);
  },
};

createServer((socket) => {
  sockets.add(socket);
  socket.on("data", (chunk) => TAKES[kind](socket, chunk));
  socket.on("error", () => {});
  socket.on("close", () => sockets.delete(socket));
}).listen(address, () => process.send("listening"));

process.on("message", () => process.send(byteCount));
process.on("disconnect", () => process.exit());
