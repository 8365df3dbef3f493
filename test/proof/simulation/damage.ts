/** Something else damages a file of a storage while members that hold everything have it open. */
import type { Dice } from "./dice.js";
import type { World } from "./world.js";

const LOG_NAME = /^(?:snapshot|log)\.[0-9.]+$/;

/** One of the ways to damage some bytes; null: the file is removed. */
function damaged(content: Buffer, dice: Dice): Buffer | null {
  const at = dice.below(content.length);
  const copy = Buffer.from(content);
  switch (dice.below(6)) {
    case 0:
      return null;
    case 1:
      return copy.subarray(0, at);
    case 2:
      return copy.fill(0, at, Math.min(content.length, at + 1 + dice.below(600)));
    case 3:
      return Buffer.concat([copy, copy.subarray(at)]);
    default:
      copy[at] = (copy[at] as number) ^ (1 << dice.below(8));
      return copy;
  }
}

/** Damages one file; once in a simulation, since nothing survives a second one before the first is healed. */
export function damageOne(world: World): boolean {
  const { directory, disk, dice } = world;
  const isHeld = [...world.members].some(
    ({ view, process, isOpen }) =>
      isOpen && process.isCandidate && view.isJoined && view.shown.seq === world.confirmedSeq,
  );
  if (disk.isHurt || directory === null || !isHeld || world.confirmedSeq === 0) return false;
  const names = disk.list(directory).filter((name) => LOG_NAME.test(name));
  if (names.length === 0) return false;
  const name = dice.pick(names);
  const path = `${directory}/${name}`;
  const content = disk.find(path)?.content ?? Buffer.alloc(0);
  if (content.length === 0) return false;
  const left = damaged(content, dice);
  world.trace(`${name} is ${left === null ? "removed" : "damaged"}`);
  disk.hurt(path, left);
  return true;
}
