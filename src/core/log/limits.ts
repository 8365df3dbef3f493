/** Most bytes of one frame, header included; a longer one is a protocol error on a socket and corruption in a file. */
export const MAX_FRAME_BYTES = 64 * 1024 * 1024;

/** Most bytes of the entries of one batch: what a frame holds besides its header, with room for the stamps. */
export const MAX_BATCH_BYTES = MAX_FRAME_BYTES - 4096;

/** Bytes from which on a batch takes no more writes, so that one frame never delays the others for long. */
export const SPLIT_BATCH_BYTES = 256 * 1024;

/**
 * Batches that a member has on their way before what it writes gathers. With fewer, what is written right before a long task
 * would often wait for its end.
 */
export const MAX_IN_FLIGHT = 8;

/** What has gathered is sent once it has so many bytes: what a frame costs in all processes is little beside them then. */
export const GATHER_BYTES = 16 * 1024;

/** Default for `maxValueBytes`: the longest JSON text of one value, in UTF-8 bytes. */
export const DEFAULT_MAX_VALUE_BYTES = 16 * 1024 * 1024;

/** Deepest nesting of a value, the steps of its path included. `JSON.stringify` itself fails at about 5,000. */
export const MAX_DEPTH = 512;

/** Most bytes of one key of a path. */
export const MAX_KEY_BYTES = 32_767;

/** Most elements that an array may reach by a path that names an index after its end. */
export const MAX_ARRAY_LENGTH = 65_536;

/**
 * How long an origin that sends nothing is remembered, in ms of log time. A batch of a forgotten origin is skipped
 * unless it is its first and the origin is younger than this.
 */
export const ORIGIN_RETENTION_MS = 24 * 60 * 60 * 1000;

/**
 * How many of the longest values may be on their way to a member at least: members that write and read values near the limit
 * all have some of them in their queues, and a bound that a few values reach would not tell a slow member from a healthy one.
 */
export const LEAST_BACKLOG_VALUES = 4;

/** How long after it was published a message is still delivered, in ms of storage time. */
export const MESSAGE_LIFE_MS = 5000;

/** Most bytes that wait for a member that takes too little, in multiples of `maxMemberBacklogBytes`, before further frames. */
export const MOST_BACKLOGS = 2;
