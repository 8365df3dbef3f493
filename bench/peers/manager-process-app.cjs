/** An application on 4 workers, each of which asks `manager-process` whether it is the manager. Prints JSON. */
const cluster = require("node:cluster");

const WORKERS = 4;

if (cluster.isPrimary) {
  const answers = [];
  for (let count = 0; count < WORKERS; count++) {
    cluster.fork().on("message", (answer) => {
      answers.push(answer);
      if (answers.length < WORKERS) return;
      console.log(JSON.stringify(answers));
      process.exit();
    });
  }
} else {
  // After a while, so that all the workers have started.
  setTimeout(async () => {
    const start = Date.now();
    try {
      const { isManager, getManagerPid } = require("manager-process");
      const answer = { isManager: await isManager(), managerPid: await getManagerPid() };
      process.send({ ...answer, pid: process.pid, ms: Date.now() - start });
    } catch (error) {
      process.send({ error: error.message });
    }
  }, 1_000);
  setInterval(() => {}, 1_000);
}
