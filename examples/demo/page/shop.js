/** The page: sends requests to the workers and shows their answers. All text from outside is inserted as `textContent`. */

/** The longest wait for an answer. A connection to a killed worker may stay open without an answer. */
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

/** The last answer of a worker. */
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

/** Sends a request once; returns undefined when no worker could answer it. */
async function tryOnce(path, init) {
  try {
    const response = await fetch(path, { ...init, signal: AbortSignal.timeout(PATIENCE_MS) });
    if (response.status === 503) return undefined;
    return { isOk: response.ok, answer: await response.json() };
  } catch {
    return undefined;
  }
}

/** Sends a request until a worker answers it. All requests of this page may be repeated. */
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
/** Runs the action of a button, shows the new state, and shows an error if one of both failed. */
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
/** Shows the newest state. An answer that arrives after a later one is ignored. */
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
  if (state.report) show("source", `Computed by worker ${state.report.computedBy} for all workers.`);
  else if (state.computing) show("source", `Worker ${state.computing} is computing it ...`);
  else show("source", "It takes a second. One worker computes it for all workers, which keep it for 10 seconds.");
  show("read", `Read in your session so far: ${state.reportsRead}.`);
  find("read").hidden = state.reportsRead === 0;
}

/** The counts of products that are being sent to the workers. */
const wanted = new Map();

/** Changes a count on the page at once and sends it; one request at a time for each product, so that the last click wins. */
async function put(id, change) {
  const isBusy = wanted.has(id);
  wanted.set(id, Math.min(countOf(id) + change, MAX_COUNT));
  showState();
  if (isBusy) return undefined; // the request in progress is followed by one with this count
  try {
    let answer;
    do answer = await ask("PUT", `/api/cart/${id}`, { count: wanted.get(id) });
    while (answer.count !== wanted.get(id));
    state.products.find((product) => product.id === id).count = answer.count;
    shownRefresh = ++lastRefresh; // an answer that is still on its way does not include this change
    return answer;
  } finally {
    wanted.delete(id);
    showState();
  }
}

let isAdding = false;
/** Adds one of each product at the same moment: there are as many requests as products, and none waits for another. */
async function addEach() {
  isAdding = true;
  try {
    const results = await Promise.all(state.products.map(({ id }) => put(id, 1)));
    const pids = [...new Set(results.filter(Boolean).map(({ pid }) => pid))];
    const who = pids.length === 1 ? "one worker" : `${pids.length} workers`;
    show("outcome", `${results.length} requests at once, answered by ${who}: ${pids.join(", ")}. No change is lost.`);
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
      await refresh(); // shows which worker computes it
      await asked;
    } finally {
      find("load").disabled = false;
    }
  });

// A visit must be counted once, so this request is not repeated when there is no answer.
ask("POST", "/api/visit", undefined, 1)
  .then(refresh)
  .catch(() => {});
await act(() => {});
setInterval(() => document.hidden || refresh().catch(() => {}), REFRESH_MS);
