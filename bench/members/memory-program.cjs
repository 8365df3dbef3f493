/** Starts `memory-member.mjs`. CommonJS, since version 1 cannot be loaded into a program that was started from an ES module. */
import("./memory-member.mjs");
