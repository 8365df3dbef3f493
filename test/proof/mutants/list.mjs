/**
 * The mutants: mistakes that a programmer might make, one change each. `from` occurs exactly once in `file`; `killedBy` names parts
 * of the paths of the tests that are run, in this order, until one fails.
 */

import { coordinationMutants } from "./coordination.mjs";
import { copyMutants } from "./copies.mjs";
import { departureMutants } from "./departures.mjs";
import { fileMutants } from "./files.mjs";
import { foldMutants } from "./folds.mjs";
import { healingMutants } from "./healing.mjs";
import { hubMutants } from "./hub.mjs";
import { identityMutants } from "./identity.mjs";
import { keysMutants } from "./keys.mjs";
import { levelMutants } from "./levels.mjs";
import { limitMutants } from "./limits.mjs";
import { lockMutants } from "./locks.mjs";
import { logMutants } from "./log.mjs";
import { memberMutants } from "./member.mjs";
import { hubMembersMutants } from "./members.mjs";
import { pendingMutants } from "./pending.mjs";
import { recoveryMutants } from "./recovery.mjs";
import { removalMutants } from "./removal.mjs";
import { replicaMutants } from "./replica.mjs";
import { sessionMutants } from "./sessions.mjs";
import { stampMutants } from "./stamps.mjs";
import { stateMutants } from "./state.mjs";
import { storageMutants } from "./storage.mjs";
import { timeMutants } from "./time.mjs";
import { userMutants } from "./users.mjs";
import { valueMutants } from "./values.mjs";
import { viewMutants } from "./views.mjs";

export const mutants = [
  ...hubMutants,
  ...levelMutants,
  ...hubMembersMutants,
  ...identityMutants,
  ...departureMutants,
  ...healingMutants,
  ...fileMutants,
  ...copyMutants,
  ...foldMutants,
  ...recoveryMutants,
  ...removalMutants,
  ...memberMutants,
  ...replicaMutants,
  ...timeMutants,
  ...pendingMutants,
  ...viewMutants,
  ...stateMutants,
  ...stampMutants,
  ...limitMutants,
  ...coordinationMutants,
  ...lockMutants,
  ...keysMutants,
  ...valueMutants,
  ...logMutants,
  ...storageMutants,
  ...sessionMutants,
  ...userMutants,
];
