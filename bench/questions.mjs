/** The questions, in the order in which they are asked: each is a file of `questions/`. */
const IN_PROCESS = ["limits", "get", "first-read", "set"];
const BETWEEN_PROCESSES = ["throughput", "hot-keys", "latency", "confirm", "failover"];
const BY_SIZE = ["join", "memory", "compaction", "expiry", "growth"];

export const QUESTIONS = [...IN_PROCESS, ...BETWEEN_PROCESSES, ...BY_SIZE, "sessions"];
