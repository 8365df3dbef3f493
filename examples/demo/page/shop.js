/** The page: asks the workers and shows what they say. All text from outside goes in by `textContent`. */

/** Longest wait for an answer: a worker that is killed may take a connection with it that it has not answered. */
const PATIENCE_MS = 5_000;
const PAUSE_MS = 150;
const ATTEMPTS = 6;
const REFRESH_MS = 2_000;
const SHOWN_ANSWERS = 12;
const MAX_COUNT = 99;

const find = (id) => document.getElementById(id);
const show = (id, text) => {
  if (find(id).textContent !== text) find(id).textContent = text;
};
const money = new Intl.NumberFormat("en", { style: "currency", currency: "EUR" });
const inEuro = (cents) => money.format(cents / 100);
const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** What a worker said last. */
let state = {
  name: null,
  products: [],
  report: null,
  computing: null,
  visits: 0,
  reportsRead: 0,
  pid: 0,
  managerPid: 0,
};
const answers = [];

function noteAnswer(pid) {
  answers.unshift(pid);
  answers.length = Math.min(answers.length, SHOWN_ANSWERS);
}

/** One attempt; undefined when no worker could answer it. */
async function tryOnce(path, init) {
  try {
    const response = await fetch(path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.status === 503) return undefined;
    return { isOk: response.ok, answer: await response.json() };
  } catch {
    return undefined;
  }
}

/** Asks until a worker answers: all that this page asks for may be done twice. */
async function ask(method, path, body, attempts = ATTEMPTS) {
  const init = { method };
  if (body !== undefined)
    Object.assign(init, { headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
  for (let attempt = 1; attempt <= attempts; attempt++) {
    const result = await tryOnce(path, init);
    if (result?.isOk) {
      noteAnswer(result.answer.pid);
      return result.answer;
    }
    if (result) throw new Error(result.answer.error);
    await pause(PAUSE_MS * attempt);
  }
  throw new Error("No worker answers. Is the demo still running?");
}

let acts = 0;
/** Does what a button says, shows what came of it, and says so if it failed. */
async function act(action) {
  let problem = "";
  acts++;
  document.querySelector("main").ariaBusy = "true";
  for (const step of [action, refresh]) {
    try {
      await step();
    } catch (error) {
      problem ||= error.message;
    }
  }
  show("notice", problem);
  find("notice").hidden = problem === "";
  acts--;
  document.querySelector("main").ariaBusy = String(acts > 0);
}

let lastRefresh = 0;
let shownRefresh = 0;
/** Shows the newest state; an answer that was overtaken by a later one is left out. */
async function refresh() {
  const number = ++lastRefresh;
  const answer = await ask("GET", "/api/state");
  if (number < shownRefresh) return;
  shownRefresh = number;
  state = answer;
  showState();
}

function showState() {
  const isLoggedIn = state.name !== null;
  show("framework", state.framework);
  find("login").hidden = isLoggedIn;
  find("account").hidden = !isLoggedIn;
  show("who", state.name ?? "");
  for (const product of state.products) showProduct(product, isLoggedIn);
  show("total", inEuro(state.products.reduce((sum, { id, cents }) => sum + cents * countOf(id), 0)));
  find("each").disabled = !isLoggedIn || isAdding;
  show("each", isLoggedIn ? `Add all ${state.products.length} at once` : "Log in to add them all at once");
  show("visits", state.visits.toLocaleString("en"));
  show("pid", String(state.pid));
  show("manager", state.managerPid === 0 ? "none yet" : String(state.managerPid));
  show("kill", `kill -9 ${state.managerPid || state.pid}`);
  showAnswers();
  showReport();
}

const countOf = (id) => wanted.get(id) ?? state.products.find((product) => product.id === id).count;

function showProduct({ id, name, cents }, isLoggedIn) {
  const count = countOf(id);
  let row = find(`product-${id}`);
  if (row === null) {
    row = find("product").content.firstElementChild.cloneNode(true);
    row.id = `product-${id}`;
    row.querySelector("th").textContent = name;
    row.querySelector(".price").textContent = inEuro(cents);
    row.querySelector(".less").setAttribute("aria-label", `One ${name} less`);
    row.querySelector(".more").setAttribute("aria-label", `One ${name} more`);
    row.querySelector("output").setAttribute("aria-label", `${name} in the cart`);
    row.querySelector(".less").onclick = () => act(() => put(id, -1));
    row.querySelector(".more").onclick = () => act(() => put(id, 1));
    find("products").append(row);
  }
  row.querySelector("output").textContent = String(count);
  row.querySelector(".less").disabled = !isLoggedIn || count === 0;
  row.querySelector(".more").disabled = !isLoggedIn || count === MAX_COUNT;
}

function showAnswers() {
  const chips = answers.map((pid) => {
    const chip = document.createElement("li");
    chip.textContent = String(pid);
    if (pid === state.managerPid) Object.assign(chip, { className: "manager", title: "the manager" });
    return chip;
  });
  find("answers").replaceChildren(...chips);
}

function showReport() {
  if (state.report) show("report", `${state.report.orders.toLocaleString("en")} orders`);
  else show("report", "–");
  if (state.report) show("source", `Computed by worker ${state.report.computedBy}, now known to all.`);
  else if (state.computing) show("source", `Worker ${state.computing} is computing it ...`);
  else show("source", "It takes a second. One worker computes it for all; it is kept for 10 seconds.");
  show("read", `Read in your session so far: ${state.reportsRead}.`);
  find("read").hidden = state.reportsRead === 0;
}

/** How many of a product there shall be, while the workers are being told. */
const wanted = new Map();

/** Changes a count at once, and tells a worker; one request at a time for each product, so that the last click stands. */
async function put(id, change) {
  const isBusy = wanted.has(id);
  wanted.set(id, Math.min(countOf(id) + change, MAX_COUNT));
  showState();
  if (isBusy) return undefined; // the one that is under way tells this count next
  try {
    let answer;
    do answer = await ask("PUT", `/api/cart/${id}`, { count: wanted.get(id) });
    while (answer.count !== wanted.get(id));
    state.products.find((product) => product.id === id).count = answer.count;
    shownRefresh = ++lastRefresh; // a state that is still on its way does not know of this
    return answer;
  } finally {
    wanted.delete(id);
    showState();
  }
}

let isAdding = false;
/** One of each at the same moment: as many requests as there are products, none of which waits for another. */
async function addEach() {
  isAdding = true;
  try {
    const results = await Promise.all(state.products.map(({ id }) => put(id, 1)));
    const pids = [...new Set(results.filter(Boolean).map(({ pid }) => pid))];
    const who = pids.length === 1 ? "one worker" : `${pids.length} workers`;
    show("outcome", `${results.length} requests at once, answered by ${who}: ${pids.join(", ")}. None is lost.`);
  } finally {
    isAdding = false;
  }
}

find("login").onsubmit = (event) => {
  event.preventDefault();
  return act(() => ask("POST", "/api/login", { name: find("name").value }));
};
find("logout").onclick = () => act(() => ask("POST", "/api/logout"));
find("each").onclick = () => act(addEach);
find("load").onclick = () =>
  act(async () => {
    find("load").disabled = true;
    try {
      const asked = ask("GET", "/api/report");
      await refresh(); // shows who computes it
      await asked;
    } finally {
      find("load").disabled = false;
    }
  });

// A visit is counted once: not asked for again when no answer comes.
ask("POST", "/api/visit", undefined, 1)
  .then(refresh)
  .catch(() => {});
await act(() => {});
setInterval(() => document.hidden || refresh().catch(() => {}), REFRESH_MS);
