/** A member process' side of `members.mjs`. */

/** Runs jobs by their names, until the process that asks for them has ended. */
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
