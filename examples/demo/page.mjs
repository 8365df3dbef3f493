/** The page of the demo: plain HTML, no assets. */

const ESCAPES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escapeHtml = (value) => String(value).replace(/[&<>"']/g, (character) => ESCAPES[character]);

const STYLE = `
  :root { color-scheme: light dark; --ink: #1b2430; --soft: #5d6b7a; --card: #fff; --back: #eef2f6; --line: #dde4ec; --mark: #0b7a75; }
  @media (prefers-color-scheme: dark) { :root { --ink: #e8edf3; --soft: #9aa8b7; --card: #1d2631; --back: #121920; --line: #2d3945; --mark: #4fd1c5; } }
  * { box-sizing: border-box; }
  body { margin: 0; padding: 3rem 1rem; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
  main { max-width: 56rem; margin: 0 auto; }
  h1 { margin: 0; font-size: 1.6rem; letter-spacing: -.01em; }
  header p, .note { color: var(--soft); margin: .25rem 0 1.5rem; } .note { margin-top: 1.25rem; }
  section { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(22rem, 100%), 1fr)); gap: 1rem; }
  article { background: var(--card); border: 1px solid var(--line); border-radius: .75rem; padding: 1.25rem; }
  h2 { margin: 0; font-size: .8rem; font-weight: 600; color: var(--soft); text-transform: uppercase; letter-spacing: .06em; }
  .figure { font-size: 2.4rem; font-weight: 650; font-variant-numeric: tabular-nums; overflow-wrap: anywhere; }
  .mark { color: var(--mark); }
  article p { margin: .25rem 0 1rem; color: var(--soft); font-size: .9rem; }
  button, input { font: inherit; padding: .45rem .8rem; border-radius: .5rem; border: 1px solid var(--line); background: transparent; color: inherit; }
  button { background: var(--mark); border-color: var(--mark); color: var(--card); cursor: pointer; font-weight: 600; }
  form { display: flex; gap: .5rem; } input { min-width: 0; flex: 1; }
  code { background: var(--back); padding: .1rem .35rem; border-radius: .3rem; }
`;

const SCRIPT = `
  const show = (id, value) => { document.getElementById(id).textContent = value; };
  async function ask(method, path, body) {
    const response = await fetch(path, { method, body: body && JSON.stringify(body) });
    const state = await response.json();
    show("pid", state.pid);
    show("manager", state.isManager ? "this worker" : state.managerPid || "being chosen");
    show("kill", "kill -9 " + state.managerPid);
    show("counter", state.counter);
    show("visits", state.session.visits);
    show("name", state.session.name ?? "stranger");
    if (state.report) {
      show("report", state.report.value.toLocaleString());
      show("source", (state.report.isCached ? "from the cache, " : "just now, ") + "computed by worker " + state.report.computedBy);
    }
  }
  document.getElementById("count").onclick = () => ask("POST", "/api/count");
  document.getElementById("load").onclick = () => { show("source", "computing for a second ..."); return ask("GET", "/api/report"); };
  document.getElementById("rename").onsubmit = (event) => {
    event.preventDefault();
    return ask("POST", "/api/name", { name: event.target.elements.name.value });
  };
  setInterval(() => ask("GET", "/api/state").catch(() => {}), 2000);
`;

/** The page for one visitor. */
export function renderPage({ pid, managerPid, isManager, counter, session }) {
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>cluster-storage demo</title>
<style>${STYLE}</style>
<main>
  <header>
    <h1>Hello, <span id="name" class="mark">${escapeHtml(session.name ?? "stranger")}</span></h1>
    <p>Four processes serve this page and share all that it shows, without a server beside them.</p>
  </header>
  <section>
    <article><h2>Answered by worker</h2><div class="figure" id="pid">${pid}</div><p>The manager is <b id="manager">${isManager ? "this worker" : managerPid || "being chosen"}</b>.</p></article>
    <article><h2>Page counter</h2><div class="figure" id="counter">${counter}</div><p>Counted exactly once, by any worker.</p><button id="count">Count one more</button></article>
    <article><h2>Your session</h2><div class="figure"><span id="visits">${session.visits}</span> visits</div><p>By cookie, known to every worker.</p><form id="rename"><input name="name" maxlength="40" placeholder="Your name" aria-label="Your name"><button>Save</button></form></article>
    <article><h2>Cached value</h2><div class="figure" id="report">–</div><p id="source">Slow to compute, kept for 10 seconds.</p><button id="load">Load</button></article>
  </section>
  <p class="note">Kill any worker, the manager too, and go on clicking: <code id="kill">kill -9 ${managerPid || pid}</code></p>
</main>
<script>${SCRIPT}</script>
</html>
`;
}
