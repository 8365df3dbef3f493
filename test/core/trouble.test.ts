import assert from "node:assert/strict";
import { test } from "node:test";
import { StorageError } from "../../dist/core/errors.js";
import { kindOf, troubleOf } from "../../dist/core/trouble.js";

function systemError(code: string, syscall: string, path = "/data/app.db.d/tmp.1"): Error {
  return Object.assign(new Error(`${code}: it failed, ${syscall} '${path}'`), { code, syscall });
}

test("only failed writes of files are reported as files that cannot be written", () => {
  const cases: [code: string, syscall: string, expected: string, text: RegExp][] = [
    ["ENOSPC", "open", "ERR_STORAGE_DISK", /cannot be written/],
    ["EIO", "write", "ERR_STORAGE_DISK", /cannot be written/],
    ["EIO", "fdatasync", "ERR_STORAGE_DISK", /cannot be written/],
    ["EIO", "read", "ERR_STORAGE_DISK", /cannot be read/],
    ["EMFILE", "open", "ERR_STORAGE_RESOURCES", /has run out of/],
    ["ERR_ACCESS_DENIED", "", "ERR_STORAGE_DIRECTORY", /permission model/],
    ["EADDRINUSE", "listen", "ERR_STORAGE_UNREACHABLE", /socket/],
    ["ERR_WORKER_OUT_OF_MEMORY", "", "ERR_STORAGE_MANAGER", /manager in this process/],
  ];
  for (const [code, syscall, expected, text] of cases) {
    const cause = systemError(code, syscall);
    const reported = troubleOf(cause);
    assert.equal(reported.code, expected, `${code} ${syscall}`);
    assert.match(reported.message, text);
    assert.equal(reported.message.includes("cannot be written"), text.source.includes("written"));
    assert.equal(reported.cause, cause);
  }
  const own = new StorageError("ERR_STORAGE_CORRUPT", "a file is corrupt");
  assert.equal(troubleOf(own), own);
});

test("the kind of a trouble is its code and its call, also when only its message says which call failed", () => {
  const [one, two] = [systemError("EACCES", "open", "/a"), systemError("EACCES", "open", "/b")];
  assert.equal(kindOf(one), kindOf(two));
  assert.notEqual(kindOf(one), kindOf(systemError("EACCES", "unlink", "/a")));
  const copy = Object.assign(new Error(one.message), { code: "EACCES" });
  assert.equal(kindOf(copy), kindOf(one));
});
