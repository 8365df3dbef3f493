/**
 * A web server passes jobs through the storage to 3 background workers, which are processes of `node:child_process`.
 *
 *   node examples/child-process/main.mjs
 *   curl -d "some text" http://127.0.0.1:3000/      creates a job and answers with its number
 *   curl http://127.0.0.1:3000/1                    shows the job: which worker did it, and the result
 *
 * PORT is the port (default 3000), DATA_DIR the directory of the data (default: the working directory).
 */
import { fork } from "node:child_process";
import { createServer } from "node:http";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { Storage } from "cluster-storage";

const { PORT = "3000", DATA_DIR = "." } = process.env;

const storage = await Storage.open("jobs", { path: DATA_DIR });

const server = createServer(async (request, response) => {
  if (request.method === "POST") {
    const input = await text(request);
    const id = await storage.increment("lastJob");
    storage.set([`job:${id}`], { input }, 3_600_000); // removed after an hour
    await storage.flush(); // before the answer: from now on the job survives the death of any process
    response.end(JSON.stringify({ id }));
  } else {
    response.end(JSON.stringify(storage.get([`job:${request.url.slice(1)}`])));
  }
});

const startWorker = () =>
  fork(join(import.meta.dirname, "worker.mjs"), [DATA_DIR]).once("exit", () => setTimeout(startWorker, 500));
for (let count = 0; count < 3; count++) startWorker();

server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`expects jobs on http://127.0.0.1:${server.address().port}/`);
});
