/** How soon a write is visible in another process, beside a bare round trip over a Unix socket. */
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { nowNs, quantile, scratchDirectory } from "./measure.mjs";
import { startMembers, stopMembers } from "./members.mjs";
import { printTable, times, us } from "./table.mjs";

const MEMBERS = 4;
const COUNT = 1_500;
const PAUSE_MS = 2;
/** Confirmed writes of each member before the measuring, as an application that has been running for a while has made. */
const WARM_UP = 10_000;

/** Round trips of a few bytes to a process that answers with the same bytes. */
async function socketRoundTrips(path) {
  const address = join(path, "echo.sock");
  const [echo] = await startMembers(1, "echo", { address });
  const socket = connect(address);
  await once(socket, "connect");
  const trips = [];
  for (let index = -WARM_UP; index < COUNT; index++) {
    const start = nowNs();
    socket.write("0123456789abcdef");
    await once(socket, "data");
    if (index < 0) continue;
    trips.push(nowNs() - start);
    await sleep(PAUSE_MS);
  }
  socket.destroy();
  await stopMembers([echo]);
  return trips;
}

/** From `set` in one member to being readable in another; neither is the manager. */
async function visibleDelays(members) {
  const managerPid = await members[0].ask("managerPid");
  const [writer, reader] = members.filter((member) => member.pid !== managerPid);
  await Promise.all(members.map((member, id) => member.ask("warmUp", { id, count: WARM_UP })));
  await reader.ask("listen");
  await writer.ask("beat", { count: COUNT, pauseMs: PAUSE_MS });
  return reader.ask("delays");
}

export async function measure() {
  const scratch = scratchDirectory();
  const members = await startMembers(MEMBERS, "storage", { path: scratch.path });
  const trips = [];
  const delays = [];
  for (let round = 0; round < 2; round++) {
    trips.push(...(await socketRoundTrips(scratch.path)));
    delays.push(...(await visibleDelays(members)));
  }
  const base = [quantile(trips, 0.5), quantile(trips, 0.99)];
  const ours = [quantile(delays, 0.5), quantile(delays, 0.99)];
  printTable(
    `Write to visible in another process, idle, ${MEMBERS} members`,
    ["what", "p50", "p99", "ratio", "target"],
    [
      ["bare Unix socket, round trip", us(base[0]), us(base[1])],
      [
        "set to visible",
        us(ours[0]),
        us(ours[1]),
        `${times(ours[0] / base[0])}, ${times(ours[1] / base[1])}`,
        "<= 1.5x, <= 3x",
      ],
    ],
  );
  await stopMembers(members);
  await scratch.release();
}
