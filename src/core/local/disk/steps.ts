/**
 * Long work in steps: done in one go in a thread, and in slices in the event loop of an application, which must never stand
 * still for longer than a slice. The work is written once.
 */
import type { Clock, Files } from "../machine/machine.js";

/** ms after which a slice ends. A step takes some 2 ms, and what lasts longer is a {@link Wait}. */
const SLICE_MS = 5;

/** Begins something that takes long outside of the processor; calls back once, when that is over. */
export type Wait = (done: (error: Error | null) => void) => void;

/**
 * Work in steps. After each it yields: a wait that must be over before the next step, or nothing. It is resumed with whether it
 * may block; then nothing has been waited for, and it does at once what the wait would have done.
 */
export type Steps<T> = Generator<Wait | undefined, T, boolean>;

/** Runs steps, and calls back once unless they are stopped. Returns a function that stops them. */
export type StepRunner = <T>(steps: Steps<T>, done: (error: Error | null, result: T | undefined) => void) => () => void;

/** Runs steps to their end, and blocks until then. Returns their result, or throws their error. */
export function runToEnd<T>(steps: Steps<T>): T {
  let next = steps.next(true);
  while (!next.done) next = steps.next(true);
  return next.value;
}

/** As `runToEnd`, as a runner: it has called back when it returns. */
export const atOnce: StepRunner = (steps, done) => {
  let result: Parameters<typeof done>[1];
  try {
    result = runToEnd(steps);
  } catch (error) {
    done(error as Error, undefined);
    return () => {};
  }
  done(null, result);
  return () => {};
};

/** A runner that lets the event loop go on between two slices. It begins in a later turn. */
export function inSlices(clock: Clock): StepRunner {
  return (steps, done) => {
    const slices = new Slices(clock, steps, done);
    return () => slices.stop();
  };
}

/**
 * Invariant: steps that are stopped are ended, so that what they hold is released, as soon as they neither run nor wait.
 */
class Slices<T> {
  readonly #clock: Clock;
  readonly #steps: Steps<T>;
  readonly #done: (error: Error | null, result: T | undefined) => void;
  /** They run, or wait for something that must not lose what they hold. */
  #isBusy = false;
  #isStopped = false;

  constructor(clock: Clock, steps: Steps<T>, done: (error: Error | null, result: T | undefined) => void) {
    this.#clock = clock;
    this.#steps = steps;
    this.#done = done;
    clock.soon(() => this.#slice(null));
  }

  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    if (!this.#isBusy) this.#steps.return(undefined as T);
  }

  #slice(failed: Error | null): void {
    if (this.#isStopped && !this.#isBusy) return;
    this.#isBusy = true;
    let next: IteratorResult<Wait | undefined, T>;
    try {
      next = this.#run(failed);
    } catch (error) {
      this.#end(error as Error, undefined);
      return;
    }
    if (next.done) this.#end(null, next.value);
    else if (next.value) next.value((error) => this.#slice(error));
    else {
      this.#isBusy = false;
      this.#clock.soon(() => this.#slice(null));
    }
  }

  /** Steps until time is up, they wait, or they are over. */
  #run(failed: Error | null): IteratorResult<Wait | undefined, T> {
    if (this.#isStopped) return this.#steps.return(undefined as T);
    const end = this.#clock.elapsed() + SLICE_MS;
    let next = failed ? this.#steps.throw(failed) : this.#steps.next(false);
    while (!next.done && !next.value && !this.#isStopped && this.#clock.elapsed() < end) next = this.#steps.next(false);
    return this.#isStopped && !next.done ? this.#steps.return(undefined as T) : next;
  }

  #end(error: Error | null, result: T | undefined): void {
    const isStopped = this.#isStopped;
    this.#isStopped = true;
    if (!isStopped) this.#done(error, result);
  }
}

/** Goes on when the data of a file is on the disk. */
export function* synced(files: Files, file: number): Steps<void> {
  if (yield (done) => files.syncLater(file, done)) files.sync(file);
}

/** Goes on when the names of a directory are on the disk. */
export function* namesSynced(files: Files, directory: string): Steps<void> {
  if (yield (done) => files.syncDirectoryLater(directory, done)) files.syncDirectory(directory);
}

/** Goes on with an answer. Where it may block, the answer must come at once. */
export function* answerTo<T>(ask: (answer: (value: T) => void) => void): Steps<T> {
  const answers: T[] = [];
  const wait: Wait = (done) =>
    ask((answer) => {
      answers.push(answer);
      done(null);
    });
  if (yield wait) wait(() => {});
  return answers[0] as T;
}
