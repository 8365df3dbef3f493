import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { countTogether } from "../adapter/crowd.js";

const PROGRAM = fileURLToPath(new URL("application.js", import.meta.url));

test("the workers of an Express application count together, also when the manager is killed", (t) =>
  countTogether(t, PROGRAM));
