/**
 * The programs of the threads, as text. `scripts/bundle-threads.mjs` writes the module, after the compiler: the programs are
 * bundled from what that has compiled.
 */

/** The program of a hub's thread. */
export const HUB_THREAD: string;
/** The program of a compactor's thread. */
export const COMPACTOR_THREAD: string;
