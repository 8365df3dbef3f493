/** A worker of the demo. It opens the storage, serves the shop with the chosen framework, and closes both when it stops. */
import { Storage } from "cluster-storage";

const { framework, directory, host, port } = JSON.parse(process.argv[2]);
const { createShop } = await import(`./${framework}.mjs`);

const storage = await Storage.open("shop", { path: directory });
storage.on("error", (error) => console.error(`worker ${process.pid}:`, error.message));
const shop = await createShop(storage);

/** Connections without a request so far. Browsers open some in advance, and a server that stops would wait for them. */
const unused = new Set();
shop.server.on("connection", (socket) => {
  unused.add(socket);
  socket.once("close", () => unused.delete(socket));
});
shop.server.on("request", (request) => unused.delete(request.socket));

let isStopping = false;
async function stop() {
  if (isStopping) return;
  isStopping = true;
  const stopped = shop.stop();
  for (const socket of unused) socket.destroy();
  await stopped;
  await storage.close();
  process.exit(0);
}

// Ctrl+C reaches the workers too, but they wait until the primary asks them to stop. They also stop when the primary has ended.
process.on("SIGINT", () => {});
process.on("SIGTERM", stop);
process.on("message", (message) => message === "stop" && stop());
process.on("disconnect", stop);

await shop.start(port, host);
