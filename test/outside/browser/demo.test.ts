/** The demo in a real browser, with each framework: two tabs at once, and the manager killed in the middle. */
import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, it } from "node:test";
import type { Browser, BrowserContext, Page } from "playwright-core";
import { Client, eventually, example, Program } from "../../examples/program.js";
import { launch, load, noBrowser } from "./browser.js";

const PRODUCTS = ["Green tea", "Rye bread", "Forest honey", "Apples, 1 kg", "Mountain cheese"];
const ROUNDS = 10;
const KILLS = 3;
const DEADLINE_MS = 30_000;
const NAME = "Ann <img src=x onerror=alert(1)>";

/** One tab with the shop, as a visitor uses it. */
class Tab {
  readonly page: Page;
  readonly #address: string;
  /** What the page has shown as the number of visits, one after another. */
  readonly visits: number[] = [];
  readonly failures: string[] = [];

  constructor(page: Page, address: string) {
    this.page = page;
    this.#address = address;
    page.setDefaultTimeout(DEADLINE_MS);
    page.on("pageerror", (error) => this.failures.push(String(error)));
  }

  static async open(context: BrowserContext, address: string): Promise<Tab> {
    const tab = new Tab(await context.newPage(), address);
    await tab.page.exposeFunction("noteVisits", (text: string) => tab.visits.push(Number(text.replaceAll(",", ""))));
    await tab.page.addInitScript(`addEventListener("DOMContentLoaded", () => {
      const shown = document.getElementById("visits");
      new MutationObserver(() => noteVisits(shown.textContent)).observe(shown, { childList: true });
    })`);
    await tab.load();
    return tab;
  }

  load(): Promise<true> {
    return load(this.page, this.#address);
  }

  /** A click; also in a tab in the background, where the browser does not paint and a mouse would wait for it. */
  click(name: string): Promise<void> {
    return this.page.getByRole("button", { name }).and(this.page.locator(":enabled")).dispatchEvent("click");
  }

  async login(name: string): Promise<void> {
    await this.page.getByLabel("Your name").fill(name);
    await this.page.getByRole("button", { name: "Log in", exact: true }).click();
    await this.page.locator("#who").filter({ hasText: name }).waitFor();
  }

  /** What stands in an element. */
  async text(id: string): Promise<string> {
    return (await this.page.locator(`#${id}`).textContent()) ?? "";
  }

  isLoggedOut(): Promise<void> {
    return this.page.getByRole("button", { name: "Log in", exact: true }).waitFor();
  }

  /** Waits until the workers know all that was clicked. */
  async settled(): Promise<void> {
    await this.page.locator("main[aria-busy=false]").waitFor();
    assert.equal(await this.text("notice"), "");
  }

  /** What a fresh page shows: who is logged in, and how many of each product are in the cart. */
  async reloaded(): Promise<{ name: string; counts: number[] }> {
    await this.load();
    const counts = PRODUCTS.map((name) => this.page.getByLabel(`${name} in the cart`).textContent());
    const name = await this.text("who");
    return { name, counts: (await Promise.all(counts)).map(Number) };
  }

  async managerPid(): Promise<number> {
    return Number(await this.text("manager"));
  }
}

/** The manager that the page shows, once it is none of those that were killed. */
function nextManager(tab: Tab, killed: Set<number>): Promise<number> {
  return eventually("the page shows a manager that lives", async () => {
    const pid = await tab.managerPid();
    return pid > 0 && !killed.has(pid) ? pid : undefined;
  });
}

for (const framework of ["express", "fastify"]) {
  describe(`the page of the demo with ${framework}`, { skip: noBrowser }, () => {
    const directory = mkdtempSync(join(tmpdir(), "cluster-storage-browser-"));
    let demo: Program;
    let address: string;
    let browser: Browser;
    let context: BrowserContext;
    let one: Tab;
    let two: Tab;
    let counts = PRODUCTS.map(() => 0);

    before(async () => {
      demo = new Program(example("demo/main.mjs"), [framework], { DATA_DIR: directory });
      [address, browser] = await Promise.all([demo.address(), launch()]);
      context = await browser.newContext();
      one = await Tab.open(context, address);
      two = await Tab.open(context, address);
    });

    after(async () => {
      await browser?.close();
      await demo?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    /** Both tabs, loaded again, show the same name and cart. */
    const bothShow = async (name: string): Promise<void> => {
      for (const tab of [one, two]) assert.deepEqual(await tab.reloaded(), { name, counts }, demo.output);
    };

    it("logs in, and shows the name as text", async () => {
      await one.login(NAME);
      assert.equal(await one.text("who"), NAME);
      assert.equal((await one.text("framework")).toLowerCase(), framework);
      await bothShow(NAME);
    });

    it("keeps all that two tabs add at the same time", async () => {
      const addOnce = async (tab: Tab, products: string[]): Promise<void> => {
        const buttons = products.map((name) => `button[aria-label="One ${name} more"]:enabled`).join();
        const clicked = await tab.page.locator(buttons).evaluateAll((found) => {
          for (const button of found) button.click(); // at the same moment: a request each
          return found.length;
        });
        assert.equal(clicked, products.length);
      };
      for (let round = 0; round < ROUNDS; round++) {
        await Promise.all([addOnce(one, PRODUCTS.slice(0, 2)), addOnce(two, PRODUCTS.slice(2))]);
        // Each tab counts on from what it now shows of all the session: what is lost stays lost.
        await Promise.all([one.settled(), two.settled()]);
      }
      counts = PRODUCTS.map(() => ROUNDS);
      await bothShow(NAME);
    });

    it("loses nothing, and stays logged in, when the manager is killed in the middle", async () => {
      const killed = new Set<number>();
      for (let kill = 0; kill < KILLS; kill++) {
        const pid = await nextManager(one, killed);
        killed.add(pid);
        const added = two.click("Add all 5 at once");
        process.kill(pid, "SIGKILL");
        await added;
        await two.settled();
        counts = counts.map((count) => count + 1);
        await bothShow(NAME);
      }
    });

    it("logs out in all tabs; a request that is under way does not bring the session back", async () => {
      const cookies = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
      const late = new Client(address, cookies);
      assert.equal((await late.ask<{ name: string | null }>("GET", "/api/state")).name, NAME);

      const report = one.page.waitForResponse((response) => response.url().endsWith("/api/report"));
      await one.click("Ask for it"); // loads the session, computes for a second, writes the session
      await one.page
        .locator("#source")
        .filter({ hasText: /is computing it|Computed by/ })
        .waitFor();
      await two.click("Log out");
      await two.isLoggedOut();
      await (await report).finished();

      await one.isLoggedOut(); // by itself
      for (const tab of [one, two]) {
        await tab.load();
        await tab.isLoggedOut();
      }
      assert.equal((await late.ask<{ name: string | null }>("GET", "/api/state")).name, null);
    });

    it("never showed fewer visits than before, and ran without an error", () => {
      for (const tab of [one, two]) {
        assert.ok(tab.visits.length > KILLS, `expected to have seen visits, got ${tab.visits}`);
        // A page that is loaded begins with a dash, which is no number.
        const shown = tab.visits.filter((visits) => !Number.isNaN(visits));
        assert.deepEqual(
          shown,
          shown.toSorted((a, b) => a - b),
        );
        assert.deepEqual(tab.failures, []);
      }
    });
  });
}
