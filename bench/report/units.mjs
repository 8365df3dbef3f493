/** Figures as text. Times are kept in ns everywhere; a unit says what a figure counts. */

const TIMES = [
  ["ns", 1],
  ["us", 1e3],
  ["ms", 1e6],
  ["s", 1e9],
];
const SIZES = [
  ["B", 1],
  ["KB", 1e3],
  ["MB", 1e6],
  ["GB", 1e9],
];

/** Three digits, in the largest of the units that leaves at least 1. */
function scaled(value, units) {
  const [name, size] = units.findLast(([, size]) => Math.abs(value) >= size) ?? units[0];
  return `${threeDigits(value / size)} ${name}`;
}

function threeDigits(value) {
  if (value === 0) return "0";
  const digits = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toLocaleString("en", { maximumFractionDigits: Math.min(3, digits) });
}

const SHOWN = {
  ns: (value) => scaled(value, TIMES),
  bytes: (value) => scaled(value, SIZES),
  "bytes/s": (value) => `${scaled(value, SIZES)}/s`,
  "/s": (value) => `${Math.round(value).toLocaleString("en")}/s`,
};

/** What figures may count: time in ns, bytes, bytes per second, how many per second. */
export const UNITS = Object.keys(SHOWN);

/** Whether less of it is better. */
export const isLessBetter = (unit) => unit === "ns" || unit === "bytes";

/** A figure with its unit, to three digits where it is a measure. */
export const show = (value, unit) => SHOWN[unit](value);

/** How many times something. */
export const showTimes = (value) => `${threeDigits(value)}x`;
