/** What the kernel tells of itself. */
import { readFileSync, readlinkSync, statfsSync } from "node:fs";

/** Text that differs after every start of the machine; where the system does not say, the name of the host. */
export function bootIdOf(host: string): string {
  try {
    return readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
  } catch {
    return host;
  }
}

/** Text that names the time namespace of this process; empty where there are none. */
export function timeNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/time");
  } catch {
    return "";
  }
}

/** The type of the file system in which a kernel shows its own state: statfs(2). */
const PROC_TYPE = 0x9fa0;

/** Whether `os.uptime()` is that of the machine: on Linux, unless something else is mounted there, as in some containers. */
export function tellsUptime(): boolean {
  if (process.platform !== "linux") return false;
  try {
    return statfsSync("/proc/uptime").type === PROC_TYPE;
  } catch {
    return false;
  }
}
