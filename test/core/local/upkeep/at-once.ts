/** What the engine does in steps, run to its end at once, as in a thread of its own. */

import { errorOf } from "../../../../dist/core/errors.js";
import {
  checkSnapshot as checkInSteps,
  writeSnapshot as writeInSteps,
} from "../../../../dist/core/local/disk/snapshot.js";
import { runToEnd, type Steps } from "../../../../dist/core/local/disk/steps.js";
import type {
  CompactResult,
  Files,
  FoldRequest,
  LogPosition,
  Machine,
  Place,
} from "../../../../dist/core/local/machine/machine.js";
import { compactAndCopy } from "../../../../dist/core/local/upkeep/compactor.js";
import { renewCopy as renewInSteps } from "../../../../dist/core/local/upkeep/file-copy.js";
import {
  type Recovered,
  recoverForHub as recoverForHubInSteps,
  recover as recoverInSteps,
} from "../../../../dist/core/local/upkeep/recovery.js";

const atOnce =
  <Parameters extends readonly unknown[], T>(inSteps: (...parameters: Parameters) => Steps<T>) =>
  (...parameters: Parameters): T =>
    runToEnd(inSteps(...parameters));

export const checkSnapshot = atOnce(checkInSteps);
export const writeSnapshot = atOnce(writeInSteps);
export const recoverForHub = atOnce(recoverForHubInSteps);
export const renewCopy = atOnce(renewInSteps);

export function recover(files: Files, place: Place, position: LogPosition | null, adopt: () => boolean): Recovered {
  return runToEnd(recoverInSteps(files, place, position, () => stepsOf(adopt)));
}

/** With the copy; an error of that is thrown. */
export function compact(machine: Machine, request: FoldRequest): CompactResult {
  const result = runToEnd(compactAndCopy(machine, request, true));
  if (result.copyFailure) throw errorOf(result.copyFailure);
  return result;
}

function* stepsOf<T>(call: () => T): Steps<T> {
  yield;
  return call();
}
