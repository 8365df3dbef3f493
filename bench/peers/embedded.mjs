/** Databases that live in the process; null when they are not installed, or their native part cannot be loaded. */
import { join } from "node:path";

export const NO_LMDB = "not installed (npm ci --prefix bench), or its native part cannot be loaded here";
/** It is no development dependency, since it fetches or compiles its native part when it is installed. */
export const NO_SQLITE = "npm install --no-save better-sqlite3@12, which fetches or compiles its native part";

/** Opens an lmdb environment. */
export async function openLmdb(directory) {
  try {
    const { open } = await import("lmdb");
    return open({ path: join(directory, "lmdb") });
  } catch {
    return null;
  }
}

/**
 * Opens a table of keys and JSON texts of SQLite, with its log beside it.
 * @param synchronous FULL: each commit is on the disk; NORMAL: it may be lost with the power.
 */
export async function openSqlite(directory, synchronous = "NORMAL") {
  try {
    const { default: Database } = await import("better-sqlite3");
    const database = new Database(join(directory, `sqlite-${synchronous}.db`));
    database.pragma("journal_mode = WAL");
    database.pragma(`synchronous = ${synchronous}`);
    database.exec("CREATE TABLE kept (key TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID");
    const read = database.prepare("SELECT value FROM kept WHERE key = ?").pluck();
    const write = database.prepare("INSERT OR REPLACE INTO kept VALUES (?, ?)");
    return {
      get: (key) => {
        const text = read.get(key);
        return text === undefined ? null : JSON.parse(text);
      },
      set: (key, value) => write.run(key, JSON.stringify(value)),
      close: () => database.close(),
    };
  } catch {
    return null;
  }
}
