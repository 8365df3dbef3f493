/** What happens to the processes and to the machine in a simulation. */
import { damageOne } from "./damage.js";
import type { Fault } from "./faults.js";
import { comeAsStranger, greetAsNewer } from "./strangers.js";
import type { World } from "./world.js";

const SOCKET_NAME = /^(?:hub|member)\./;

/** Something that tidies up removes the name of a socket. */
function removeSocket(world: World): boolean {
  const { directory, disk, dice } = world;
  const names = directory === null ? [] : disk.list(directory).filter((name) => SOCKET_NAME.test(name));
  if (names.length === 0) return false;
  const name = dice.pick(names);
  world.trace(`${name} is removed`);
  return disk.unlink(`${directory}/${name}`);
}

/**
 * Lets a fault happen, if it can.
 * @param start Starts a further process after a while, in ms.
 * @returns whether it happened.
 */
export function happen(world: World, kind: Fault, start: (delayMs: number) => void): boolean {
  const { dice, scheduler } = world;
  const alive = [...world.processes];
  if (kind === "open") {
    if (alive.length >= world.settings.memberCount) return false;
    start(0);
    return true;
  }
  if (kind === "power") {
    world.cutPower();
    for (let index = 0; index < world.settings.memberCount; index++) start(dice.delay(20, 300));
    return true;
  }
  if (kind === "reset") return world.network.breakOne();
  if (kind === "newer") return greetAsNewer(world);
  if (kind === "stranger") return comeAsStranger(world);
  if (kind === "unname") return removeSocket(world);
  if (kind === "damage") return damageOne(world);
  if (kind === "suspend") {
    world.trace(`the machine is suspended for ${world.clocks.suspend()} ms`);
    return true;
  }
  if (alive.length === 0) return false;
  const process = dice.pick(alive);
  const member = world.memberOf(process);
  switch (kind) {
    case "kill":
      world.trace(`${process.pid} is killed`);
      process.kill();
      return true;
    case "crash":
      process.crashIn = 1 + dice.below(dice.pick([3, 30, 100]));
      return true;
    case "freeze": {
      const ms = dice.pick([20, 200, 1500]);
      world.trace(`${process.pid} is frozen for ${ms} ms`);
      process.freeze();
      scheduler.world.in(dice.between(0, ms * 2), () => process.thaw());
      return true;
    }
    case "blind": {
      world.trace(`${process.pid} reaches no socket`);
      process.isBlind = true;
      scheduler.world.in(dice.between(0, dice.pick([50, 500, 6000])), () => {
        process.isBlind = false;
      });
      return true;
    }
    case "block":
      process.main.hold();
      scheduler.world.in(dice.between(0, dice.pick([20, 400])), () => process.main.isAlive && process.main.release());
      return true;
    case "jump": {
      const ms = world.clocks.jump();
      world.trace(`a clock is set by ${ms} ms`);
      const isOfMachine = dice.chance(0.5);
      if (isOfMachine) world.clocks.errorMs += ms;
      else process.skewMs += ms;
      world.clocks.noteJump(ms, isOfMachine ? null : process);
      for (const one of alive) world.clocks.noteError(one.wallErrorMs);
      return true;
    }
    case "full":
      world.disk.room = dice.below(300);
      scheduler.world.in(dice.between(0, 600), () => {
        world.disk.room = Number.POSITIVE_INFINITY;
      });
      return true;
    case "close":
    case "destroy": {
      if (!member?.isOpen || process.isFrozen) return false;
      if (kind === "destroy") world.destroys();
      process.main.in(0, () => member.leave(kind === "destroy"));
      return true;
    }
    default:
      return false;
  }
}
