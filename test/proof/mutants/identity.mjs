/** Who is at the other end: sockets and their directory, who counts as dead, and which members have left. */
const LOCAL = "src/core/local";
const PINNED = `${LOCAL}/machine/pinned-files.ts`;
const FILES = `${LOCAL}/machine/files.ts`;
const ADDRESS = `${LOCAL}/machine/address.ts`;
const SOCKETS = `${LOCAL}/machine/sockets.ts`;
const SEAT = `${LOCAL}/election/seat.ts`;
const WATCH = `${LOCAL}/election/seat-watch.ts`;
const MEMBER_SOCKET = `${LOCAL}/election/member-socket.ts`;
const HOST = `${LOCAL}/hub/host.ts`;
const HUB_SOCKET = `${LOCAL}/hub/hub-socket.ts`;
const SUSPICION = `${LOCAL}/member/suspicion.ts`;
const LOG = `${LOCAL}/member/local-log.ts`;
const pinned = ["machine/pinned-files"];
const sockets = ["machine/sockets", "machine/socket-faults", "machine/address"];
const suspicion = ["member/suspicion", "member/following"];

export const identityMutants = [
  {
    name: "files are written into a directory that has come to the path",
    file: PINNED,
    from: "if (isInside && !this.#isAtPath()) throw",
    to: "if (isInside && this.#path === this.#alias && !this.#isAtPath()) throw",
    killedBy: pinned,
  },
  {
    name: "a directory that is held open is reached by its path",
    file: PINNED,
    from: "this.#alias + path.slice(this.#path.length)",
    to: "path",
    killedBy: pinned,
  },
  {
    name: "a file beside the directory counts as one in it",
    file: PINNED,
    // biome-ignore lint/suspicious/noTemplateCurlyInString: the source has a template there
    from: "path.startsWith(`${this.#path}/`)",
    to: "path.startsWith(this.#path)",
    killedBy: pinned,
  },
  {
    name: "a directory is let go twice",
    file: FILES,
    from: "    isOpen = false;\n",
    to: "",
    killedBy: pinned,
  },
  {
    name: "an alias is used where the permission model forbids it",
    file: FILES,
    from: "&& isAllowed && isAt(alias)",
    to: "&& isAt(alias)",
    killedBy: pinned,
  },
  {
    name: "the length of an address is counted in characters",
    file: ADDRESS,
    from: "Buffer.byteLength(path) <= MAX_ADDRESS_BYTES",
    to: "path.length <= MAX_ADDRESS_BYTES",
    killedBy: sockets,
  },
  {
    name: "a socket is bound under its own name, so that the name ends with its process",
    file: SOCKETS,
    from: "const first = isWindows ? name : temporaryName();",
    to: "const first = name;",
    killedBy: sockets,
  },
  {
    name: "a member whose temporary name a new manager has cleaned up reports that as a failure of the disk",
    file: SOCKETS,
    from: 'if (codeOf(error) !== "ENOENT" || tries === 1)',
    to: "if (tries !== 0)",
    killedBy: sockets,
  },
  {
    name: "a worker of node:cluster leaves listening to its primary",
    file: SOCKETS,
    from: "exclusive: true, ",
    to: "",
    killedBy: ["machine/cluster-sockets"],
  },
  {
    name: "a directory that is missing is one without access",
    file: SOCKETS,
    from: 'if (codeOf(error) !== "EACCES") return error;',
    to: "return error;",
    killedBy: sockets,
  },
  {
    name: "a manager whose directory has moved keeps its seat",
    file: SEAT,
    from: 'return isAtPath ? "held" : "moved";',
    to: 'return "held";',
    killedBy: ["election/seat"],
  },
  {
    name: "a seat may name a file elsewhere",
    file: SEAT,
    from: " && SOCKET_NAME.test(content.socket)",
    to: "",
    killedBy: ["election/seat"],
  },
  {
    name: "looks that come late count as looks without a refresh",
    file: WATCH,
    from: "isLate || isRefreshed ? 0",
    to: "isRefreshed ? 0",
    killedBy: ["election/seat-watch"],
  },
  {
    name: "the first time of a seat that is known counts as a refresh",
    file: WATCH,
    from: "this.#modifiedAt !== undefined && modifiedAt !== this.#modifiedAt",
    to: "modifiedAt !== this.#modifiedAt",
    killedBy: ["election/seat-watch"],
  },
  {
    name: "a refusal proves death by any file system",
    file: WATCH,
    from: "this.#isOfThisBoot && content?.device === this.#device",
    to: "this.#isOfThisBoot",
    killedBy: ["election/seat-watch"],
  },
  {
    name: "a refusal proves death on any machine",
    file: SUSPICION,
    from: '=== "ECONNREFUSED" && watch.isRefusalProof',
    to: '=== "ECONNREFUSED"',
    killedBy: suspicion,
  },
  {
    name: "a manager that cannot be reached is dead",
    file: SUSPICION,
    from: "if (isRefused || watch.isOverdue",
    to: "if (reason !== null || watch.isOverdue",
    killedBy: suspicion,
  },
  {
    name: "a manager that is silent is dead, though it refreshes its seat",
    file: SUSPICION,
    from: "(isSilent && watch.isStill)",
    to: "isSilent",
    killedBy: suspicion,
  },
  {
    name: "a manager out of reach is never taken for dead",
    file: SUSPICION,
    from: " || watch.isOverdue",
    to: "",
    killedBy: suspicion,
  },
  {
    name: "the seat of an older directory is watched for that of a newer one",
    file: SUSPICION,
    from: "if (this.#watch?.isOf(seat)) return;",
    to: "if (this.#watch) return;",
    killedBy: suspicion,
  },
  {
    name: "a contender replaces a manager that took its seat while it looked",
    file: "src/core/local/member/own-hub.ts",
    from: "if (newestEpoch(this.#machine, this.#place) !== seen) return false;",
    to: "",
    killedBy: ["member/following"],
  },
  {
    name: "a member that follows does not look at its own socket",
    file: LOG,
    from: "    this.#socket.look();\n",
    to: "",
    killedBy: ["member/following"],
  },
  {
    name: "a member follows before it has a socket",
    file: LOG,
    from: 'if (error === null || this.#goal !== "follow") this.#seek();',
    to: "if (error !== undefined) this.#seek();",
    killedBy: ["member/following"],
  },
  {
    name: "the name of a member whose departure is not noted is removed",
    file: LOG,
    from: "this.#stop(isKnown || !this.#hasWritten);",
    to: "this.#stop(true);",
    killedBy: ["member/leaving"],
  },
  {
    name: "a socket that is out of reach shows that its member has ended",
    file: MEMBER_SOCKET,
    from: 'return code === "EAGAIN" ? "alive" : "unknown";',
    to: 'return "ended";',
    killedBy: ["election/member-socket"],
  },
  {
    name: "a member that leaves always takes its name with it",
    file: MEMBER_SOCKET,
    from: "if (isKnown) bestEffort",
    to: "bestEffort",
    killedBy: ["election/member-socket"],
  },
  {
    name: "a member says what it holds where it would not take the seat",
    file: MEMBER_SOCKET,
    from: "this.#isAtPath(pin) ? this.#held() : null",
    to: "this.#held()",
    killedBy: ["election/moved-member", "hub/contender"],
  },
  {
    name: "a member whose directory was moved listens where it was, and nowhere else",
    file: MEMBER_SOCKET,
    from: "return this.#home !== undefined;",
    to: "return this.#homes.length > 0;",
    killedBy: ["member/moved-directory", "election/moved-member"],
  },
  {
    name: "a member that enters another directory listens no more in the one before",
    file: MEMBER_SOCKET,
    from: "before ? [home, before] : [home]",
    to: "[home]",
    killedBy: ["election/moved-member"],
  },
  {
    name: "a member that enters twice at the same time waits for the second time forever",
    file: MEMBER_SOCKET,
    from: "this.#left !== null || this.#entering.push(done) > 1",
    to: "this.#left !== null || (this.#entering[0] ?? this.#entering.push(done)) !== 1",
    killedBy: ["election/member-socket"],
  },
  {
    name: "a member that leaves while it enters another directory is not heard of",
    file: LOG,
    from: "const hasNothing = this.#position === null && this",
    to: "const hasNothing = this",
    killedBy: ["member/moved-directory"],
  },
  {
    name: "a hub does not look whether others reach it",
    file: HUB_SOCKET,
    from: "    this.#failedSince ??= this.#machine.clock.elapsed();\n    this.#listen(() => {});",
    to: "    this.#failedSince ??= null;",
    killedBy: ["hub/hub-socket"],
  },
  {
    name: "a hub looks only at its name",
    file: HUB_SOCKET,
    from: "++this.#looksSinceReached < CONNECTION_LOOKS && ",
    to: "",
    killedBy: ["hub/hub-socket"],
  },
  {
    name: "a hub does not look at its name",
    file: HUB_SOCKET,
    from: " && boundAt !== undefined && boundAt === this.#reachedBoundAt",
    to: "",
    killedBy: ["hub/hub-socket"],
  },
  {
    name: "a connection that nobody has accepted reaches a hub",
    file: HUB_SOCKET,
    from: "error === null && this.#acceptedCount > before",
    to: "error === null",
    killedBy: ["hub/hub-socket"],
  },
  {
    name: "a file at the place of a socket proves that its process has ended",
    file: SOCKETS,
    from: ' && isOtherThanSocket(path) ? withCode(error, "ENOENT") : error;',
    to: " ? error : error;",
    killedBy: sockets,
  },
  {
    name: "a contender without a seat leaves its socket",
    file: HOST,
    from: "this.#socket?.close(this.#seat !== null);",
    to: "this.#socket?.close(true);",
    killedBy: ["hub/hub-socket"],
  },
  {
    name: "a new manager removes sockets that are out of reach",
    file: HUB_SOCKET,
    from: 'if (codeOf(error) === "ECONNREFUSED") bestEffort',
    to: 'if (codeOf(error) !== "") bestEffort',
    killedBy: ["hub/host"],
  },
  {
    name: "a manager that nobody reaches keeps its seat",
    file: HOST,
    from: "if (unreachable !== null || !isSeatIntact) {",
    to: "if (!isSeatIntact) {",
    killedBy: ["hub/hub-socket"],
  },
];
