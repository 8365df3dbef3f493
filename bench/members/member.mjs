/** A member process of the benchmark: does what `members.mjs` asks for. */
import { answerJobs } from "./jobs.mjs";
import { beatJobs } from "./jobs-of-beats.mjs";
import { hotKeyJobs } from "./jobs-of-hot-keys.mjs";
import { keyJobs } from "./jobs-of-keys.mjs";
import { raceJobs } from "./jobs-of-races.mjs";
import { openStore } from "./stores.mjs";

const options = JSON.parse(process.argv[2]);

/** What the jobs share. */
const member = { store: null, options };

answerJobs({
  async open() {
    member.store = await openStore(options);
    return member.store !== null;
  },
  managerPid: () => member.store.storage.managerPid,
  stats: () => member.store.storage.stats(),
  close: () => member.store?.close(),
  ...raceJobs(member),
  ...beatJobs(member),
  ...keyJobs(member),
  ...hotKeyJobs(member),
});
