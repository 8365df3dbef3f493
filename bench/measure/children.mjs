/** The processes that were started: none of them outlives the question that it was started for. */

const children = new Set();

/** Keeps a child process in mind until it ends; returns it. */
export function keepChild(child) {
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

/** Kills those that a question which failed has left. */
export function killChildren() {
  for (const child of children) child.kill("SIGKILL");
}

process.on("exit", killChildren);
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(1));
