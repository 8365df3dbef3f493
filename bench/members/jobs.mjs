/** A member process' side of `members.mjs`. */

/** Does what it is asked for, by name, until the one who asks is gone. */
export function answerJobs(jobs) {
  process.on("message", async ({ number, job, parameters }) => {
    try {
      process.send({ number, result: await jobs[job](parameters) });
    } catch (error) {
      process.send({ number, error: error.stack });
    }
  });
  process.on("disconnect", () => process.exit());
}
