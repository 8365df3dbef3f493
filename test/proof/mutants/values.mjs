/** What is done to values: by path, with undo, copied on write. */
const EDIT = "src/core/state/edit.ts";
const PATCH = "src/core/state/patch.ts";
const TREE = "src/core/state/tree.ts";
const PATH = "src/core/state/path.ts";
const state = ["core/state/", "model/"];

export const valueMutants = [
  {
    name: "a write into what has expired finds it there",
    file: EDIT,
    from: "    if (expiry?.isPassed(time)) return { depth: depth + 1, isExpired: true };\n",
    to: "",
    killedBy: state,
  },
  {
    name: "an expired element becomes visible when its array becomes an object",
    file: EDIT,
    from: "  for (const key of expiredKeys) putMember(object, key, null);\n",
    to: "",
    killedBy: state,
  },
  {
    name: "an array that grew does not shrink when that is taken back",
    file: EDIT,
    from: "    if (change.length >= 0) openAt(slot, path, change.depth - 1).length = change.length;\n    else putAt",
    to: "    putAt",
    killedBy: state,
  },
  {
    name: "what takes a change back leaves its expiries",
    file: EDIT,
    from: "    if (change.expiryDepth > 0) slot.replaceExpiry(path, change.expiryDepth, change.expiry);\n",
    to: "",
    killedBy: state,
  },
  {
    name: "a write keeps the expiries below its path",
    file: EDIT,
    from: "slot.replaceExpiry(path, expiryDepth, subtree));",
    to: "subtree && slot.replaceExpiry(path, expiryDepth, subtree));",
    killedBy: state,
  },
  {
    name: "an array may grow by one element too many",
    file: EDIT,
    from: "!(Number(path[depth - 1]) >= maxLength)",
    to: "!(Number(path[depth - 1]) > maxLength)",
    killedBy: [...state, "replica.test", "conformance"],
  },
  {
    name: "a string of an array path makes an array where its text is an index",
    file: EDIT,
    from: " && !isKeyStep(kinds, depth);",
    to: ";",
    killedBy: [...state, "conformance"],
  },
  {
    name: "a number of an array path is a key of an object",
    file: PATH,
    from: '    if (typeof path[depth] === "string") keyStepCount++;',
    to: "    if (path[depth] !== null) keyStepCount++;",
    killedBy: [...state, "conformance"],
  },
  {
    name: "a patch turns an array into something else",
    file: PATCH,
    from: "  if (!isObject(object)) return undefined;",
    to: "  if (!isContainer(object)) return undefined;",
    killedBy: state,
  },
  {
    name: "a patch matches a field that has expired",
    file: PATCH,
    from: "return !child?.isPassed(time) && shows",
    to: "return shows",
    killedBy: state,
  },
  {
    name: "a patch matches an object that has more fields",
    file: PATCH,
    from: "return Object.keys(value).filter(isLive).length === Object.keys(expected).length;",
    to: "return Object.keys(value).filter(isLive).length >= Object.keys(expected).length;",
    killedBy: state,
  },
  {
    name: "what takes a patch back leaves the expiry of the object",
    file: PATCH,
    from: "    if (this.#at !== KEEP) slot.setExpiry(path, this.#at);\n",
    to: "",
    killedBy: state,
  },
  {
    name: "__proto__ in a value sets a prototype",
    file: TREE,
    from: "if (key in Object.prototype) {",
    to: 'if (key === "function Object() { [native code] }") {',
    killedBy: state,
  },
  {
    name: "members are found on prototypes",
    file: TREE,
    from: "  if (!Object.hasOwn(container, key)) return undefined;\n",
    to: "",
    killedBy: state,
  },
  {
    name: "a null element of an array is present",
    file: TREE,
    from: "return member === null && Array.isArray(container) ? undefined : member;",
    to: "return member;",
    killedBy: state,
  },
  {
    name: "01 is an index",
    file: TREE,
    from: "if (length === 0 || (length > 1 && key.charCodeAt(0) === 0x30)) return false;",
    to: "if (length === 0) return false;",
    killedBy: state,
  },
  {
    name: "only the top of what is handed out is frozen",
    file: TREE,
    from: "for (const key of Object.keys(value)) freeze(memberOf(value, key));",
    to: "for (const key of Object.keys(value)) memberOf(value, key);",
    killedBy: state,
  },
  {
    name: "elements of arrays are not frozen",
    file: TREE,
    from: "      freeze(value[index]);\n",
    to: "",
    killedBy: state,
  },
  {
    name: "a path may go through __proto__",
    file: PATH,
    from: 'if (depth > 0 && key === "__proto__") throw',
    to: 'if (depth > 1 && key === "__proto__") throw',
    killedBy: state,
  },
  {
    name: "a key that equals the whole path does not win",
    file: PATH,
    from: "  if (hasKey(path)) return checked([path]);\n",
    to: "",
    killedBy: state,
  },
];
