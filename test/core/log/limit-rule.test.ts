import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_PRODUCT, readRule, returnText, ruleText } from "../../../dist/core/log/limit-rule.js";

test("rules come back as they went in", () => {
  for (const kind of ["window", "gcra", "count", "restart", "double", "block"] as const) {
    const rule = { kind, limit: 5, ms: 60_000, blockMs: kind === "block" ? 1000 : 0 };
    assert.deepEqual(readRule(ruleText(rule)), rule);
    assert.equal(readRule(ruleText(rule)), readRule(ruleText(rule)), "it is parsed once");
  }
  assert.deepEqual(readRule(returnText(1_700_000_000_000)), { kind: "back", until: 1_700_000_000_000 });
});

test("a text that is no rule is none, and however many there are, the rules are read", () => {
  const texts = [
    "",
    "null",
    "1",
    "{}",
    "[]",
    "[0]",
    "[0,1]",
    "[6]",
    "[0,null,1]",
    '[0,"1",1]',
    "[7,1,1]",
    "[-1,1,1]",
    "[0.5,1,1]",
  ];
  const numbers = [
    "[0,1.5,1]",
    "[0,1,-1]",
    "[0,1,9007199254740992]",
    "[5,1,1,-1]",
    "[1,0,1]",
    "[1,1,0]",
    `[1,2,${MAX_PRODUCT}]`,
  ];
  for (const text of [...texts, ...numbers]) {
    assert.equal(readRule(text), null, text);
    assert.equal(readRule(text), null, text);
  }
  for (let limit = 0; limit < 1000; limit++)
    assert.deepEqual(readRule(`[2,${limit},1]`), { kind: "count", limit, ms: 1, blockMs: 0 });
});
