/** A member in a process of its own, on whatever machine that was started on: it evaluates the functions that it is sent, line by line. */
import { createInterface } from "node:readline";
import type { Storage as StorageClass, StorageOptions } from "../../../dist/core/index.js";

/** The module of another version, if one is to be tried. */
const { STORAGE_MODULE = "../../../dist/core/index.js" } = process.env;
const { Storage } = (await import(STORAGE_MODULE)) as { Storage: typeof StorageClass };
type Storage = StorageClass;

/** What the functions find in this process. */
export interface Scope {
  readonly Storage: typeof StorageClass;
  /** Opens the storage "app", and keeps what it reports. */
  open(options: StorageOptions): Storage;
  /** The storage that was opened last. */
  storage: Storage;
  /** The errors that it reported. */
  readonly errors: Array<{ readonly code: string; readonly message: string }>;
  /** The warnings of this process. */
  readonly warnings: Array<{ readonly code: string; readonly message: string }>;
}

/** A call as a line of the input. */
export interface Call {
  readonly id: number;
  /** The text of a function. */
  readonly text: string;
  readonly values: readonly unknown[];
}

/** The answer, as a line of the output. */
export interface Answer {
  readonly id: number;
  readonly result?: unknown;
  readonly error?: { readonly name: string; readonly code: string; readonly message: string };
}

const scope: Scope = {
  Storage,
  open(options) {
    const storage = new Storage("app", options);
    storage.on("error", (error) => scope.errors.push(describe(error)));
    scope.storage = storage;
    return storage;
  },
  storage: undefined as unknown as Storage,
  errors: [],
  warnings: [],
};

function describe(error: unknown): { name: string; code: string; message: string } {
  const { name = "", code = "", message = String(error) } = error as NodeJS.ErrnoException;
  return { name, code, message };
}

async function evaluate({ id, text, values }: Call): Promise<Answer> {
  try {
    // biome-ignore lint/security/noGlobalEval: the parent's functions are sent as their text.
    const call = globalThis.eval(`(${text})`) as (scope: Scope, ...values: readonly unknown[]) => unknown;
    return { id, result: await call(scope, ...values) };
  } catch (error) {
    return { id, error: describe(error) };
  }
}

process.on("warning", (warning) => scope.warnings.push(describe(warning)));
createInterface({ input: process.stdin }).on("line", async (line) => {
  const answer = await evaluate(JSON.parse(line) as Call);
  process.stdout.write(`${JSON.stringify(answer)}\n`);
});
