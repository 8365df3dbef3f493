/** The programs of each framework compile with other compilers and settings than those of this project: every one that people have. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { promisify } from "node:util";
import { consumer, root } from "./compiler.js";

const run = promisify(execFile);
const PROGRAMS = join(root, "test/api/types");

/** The compilers by their versions. */
const COMPILERS = {
  "5.4": "test/outside/node_modules/typescript54/bin/tsc",
  "5.9": "node_modules/typescript/bin/tsc",
  "7": "test/outside/node_modules/typescript-newest/bin/tsc",
};

/** What a project sets, and the kinds of files that it has. */
const PROJECTS = {
  "commonjs with node10": { options: { module: "commonjs", moduleResolution: "node10" }, extensions: ["ts"] },
  commonjs: { options: { module: "commonjs" }, extensions: ["ts"] },
  node16: { options: { module: "node16" }, extensions: ["cts", "mts"] },
  nodenext: { options: { module: "nodenext" }, extensions: ["cts", "mts"] },
  bundler: { options: { module: "esnext", moduleResolution: "bundler" }, extensions: ["ts"] },
};

type Wanted = Readonly<Record<keyof typeof COMPILERS, readonly (keyof typeof PROJECTS)[]>>;
/** What resolves most differently from nodenext of 5.9, which the other tests have. */
const DAILY: Wanted = { "5.4": ["commonjs with node10", "node16"], "5.9": [], "7": ["commonjs", "nodenext"] };
/** 7 has no node10. */
const NIGHTLY: Wanted = {
  "5.4": ["commonjs with node10", "node16", "nodenext", "bundler"],
  "5.9": ["commonjs with node10", "node16", "bundler"],
  "7": ["commonjs", "node16", "nodenext", "bundler"],
};
const WANTED = process.env.CLUSTER_STORAGE_NIGHTLY ? NIGHTLY : DAILY;

describe("the programs compile", () => {
  for (const [version, names] of Object.entries(WANTED) as [keyof Wanted, Wanted["7"]][]) {
    for (const name of names) {
      it(`with TypeScript ${version}, ${name}`, async (t) => {
        const { options, extensions } = PROJECTS[name];
        const folder = consumer(t);
        mkdirSync(join(folder, "app"));
        for (const program of readdirSync(PROGRAMS)) {
          for (const extension of extensions) {
            copyFileSync(join(PROGRAMS, program), join(folder, "app", program.replace(/ts$/, extension)));
          }
        }
        const strict = { strict: true, skipLibCheck: false, esModuleInterop: true, noEmit: true, types: ["node"] };
        const compilerOptions = { ...options, ...strict, target: "es2022", lib: ["es2023"] };
        writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, include: ["app"] }));
        await run(process.execPath, [join(root, COMPILERS[version]), "-p", folder]).catch(({ stdout, stderr }) =>
          assert.fail(stdout + stderr),
        );
      });
    }
  }
});
