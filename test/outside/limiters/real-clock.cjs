/** The tests of @fastify/rate-limit stop the clock, and with it a store that has threads: here the clock goes on, and a tick waits. */
const { mock } = require("node:test");

const cell = new Int32Array(new SharedArrayBuffer(4));
Object.assign(mock.timers, {
  enable: () => {},
  reset: () => {},
  tick: (ms = 1) => void Atomics.wait(cell, 0, 0, ms + 2),
});
