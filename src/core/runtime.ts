/**
 * Time and the event loop of this process, as all of the package uses them.
 *
 * Tests put clocks of their own in place of the global ones: such a clock stands still, and drops calls or makes them when the test
 * says so. A storage must go on all the same. So what is global is kept from when this module was loaded. Where a fake
 * clock was there before it, ways are used that it does not reach: promises, signals and messages.
 */
import { performance } from "node:perf_hooks";
import timers from "node:timers";

/** What can be called off. */
export interface Timer {
  cancel(): void;
}

/** Longest delay of a timer of Node.js; a longer one would fire at once. */
const MAX_TIMER_MS = 2 ** 31 - 1;

// Copied, since names that are imported follow what replaces them.
const { setTimeout, clearTimeout, setInterval, clearInterval, setImmediate } = timers;
const { nextTick, hrtime } = process;
const nanoseconds = hrtime.bigint;
const { MessageChannel, AbortSignal } = globalThis;
const { now } = Date;
const elapsed = performance.now.bind(performance);
const { timeOrigin } = performance;
const RESOLVED = Promise.resolve();

const hasOwnTimers = ![setTimeout, clearTimeout, setInterval, clearInterval, setImmediate].some(isFake);
const hasOwnDate = /^function now\(\) \{\s*\[native code\]/.test(Function.prototype.toString.call(now));

/**
 * Whether a timer function is that of a fake clock: `@sinonjs/fake-timers`, which Jest and Vitest use too, marks its own with
 * `clock`, and those of `node:test` are bound. Others may have been replaced as well, by tools that watch an application, and work.
 */
function isFake(call: { readonly name: string }): boolean {
  return "clock" in call || call.name.startsWith("bound ");
}

/** Wall clock in ms since 1970, with the part of a ms where that is known; may jump. */
export function wallTime(): number {
  // It goes on as it was when the process started, unless it was set since.
  const exact = timeOrigin + elapsed();
  if (!hasOwnDate) return exact;
  const wall = now();
  return exact >= wall && exact < wall + 1 ? exact : wall;
}

/** Whether {@link monotonicTime} is that of the kernel, and so the same in all its processes. A fake clock is one of its process. */
export const isMonotonicShared: boolean = !isFake(hrtime);

/** ms from a start that all processes of a kernel share, never falling. It stands still while the machine is suspended, on Linux. */
export const monotonicTime: () => number = isMonotonicShared ? () => Number(nanoseconds()) / 1e6 : elapsed;

/** ms from an arbitrary start, never falling: for durations only. */
export const elapsedTime: () => number = elapsed;

/**
 * The wall clock of the code that calls the package, as it is now, in ms since 1970: for times that this code gives, which are on
 * the same clock, be it a fake one.
 */
export const wallTimeOfCaller = (): number => Date.now();

/** An object of that class. */
export type DateOfCaller = Date;

/** The `Date` of a time, of the class that the calling code has at this moment. */
export const dateOfCaller = (time: string | number): Date => new Date(time);

/** The time that a text says, in ms since 1970; `NaN` when it says none. */
export const timeOf: (text: string) => number = Date.parse;

/** Calls once, as soon as the running job is over. What the call throws becomes an uncaught exception. */
export function microtask(call: () => void): void {
  void RESOLVED.then(() => {
    try {
      call();
    } catch (error) {
      throwUncaught(error);
    }
  });
}

/** Makes an error an uncaught exception once the running job is over. */
export function throwUncaught(error: unknown): void {
  const fail = (): never => {
    throw error;
  };
  if (nextTick.name === "nextTick") nextTick(fail);
  else soon(fail);
}

/** Calls once what has already arrived on the sockets has been delivered. */
export const soon: (call: () => void) => void = hasOwnTimers ? (call) => void setImmediate(call) : sendMessage;

/** Calls once after a delay in ms, unless it is cancelled; never keeps the process alive. */
export function after(ms: number, call: () => void): Timer {
  const delay = Math.min(ms, MAX_TIMER_MS);
  if (!hasOwnTimers) return waitForSignal(delay, call);
  const timer = setTimeout(call, delay);
  timer.unref();
  return { cancel: () => clearTimeout(timer) };
}

/** As `after`, and keeps the process alive meanwhile. */
export function deadline(ms: number, call: () => void): Timer {
  const delay = Math.min(ms, MAX_TIMER_MS);
  if (hasOwnTimers) {
    const timer = setTimeout(call, delay);
    return { cancel: () => clearTimeout(timer) };
  }
  const alive = keepAlive();
  const timer = waitForSignal(delay, () => {
    alive.cancel();
    call();
  });
  return {
    cancel() {
      alive.cancel();
      timer.cancel();
    },
  };
}

/** Keeps the process alive until it is cancelled. */
export function keepAlive(): Timer {
  if (hasOwnTimers) {
    const timer = setInterval(() => {}, MAX_TIMER_MS);
    return { cancel: () => clearInterval(timer) };
  }
  const { port1 } = new MessageChannel();
  port1.on("message", () => {});
  return { cancel: () => port1.close() };
}

/** A message comes when the event loop polls all sockets, and a signal after that. */
function sendMessage(call: () => void): void {
  const { port1, port2 } = new MessageChannel();
  port1.on("message", () => {
    waitForSignal(1, () => {
      port1.close();
      call();
    });
  });
  port2.postMessage(null);
}

function waitForSignal(ms: number, call: () => void): Timer {
  const signal = AbortSignal.timeout(Math.max(1, Math.ceil(ms)));
  const end = (): void => call();
  signal.addEventListener("abort", end, { once: true });
  return { cancel: () => signal.removeEventListener("abort", end) };
}
