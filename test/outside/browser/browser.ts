/** A real browser, where there is one. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";
import { eventually } from "../../examples/program.js";

const PLACES = [process.env.CHROMIUM_PATH, "/usr/bin/chromium", "/usr/bin/chromium-browser"];
/** Longest that a page may take: a worker that is killed may never answer a connection that it was given. */
const PAGE_MS = 5_000;
/** No window, no sandbox (root has none), and no connection but to the page. */
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const executablePath = PLACES.find((place) => place && existsSync(place));

/** Why there is no browser; false when there is one. */
export const noBrowser: string | false =
  executablePath === undefined
    ? `expected Chromium as CHROMIUM_PATH or in ${PLACES.slice(1).join(" or ")}, got none (apt-get install chromium)`
    : false;

/** Starts it. */
export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath: executablePath as string, args: FLAGS });
}

/** Loads a page, again when no worker has answered. */
export function load(page: Page, address: string): Promise<true> {
  return eventually(`${address} is loaded`, async () => {
    try {
      await page.goto(address, { timeout: PAGE_MS });
      await page.getByRole("row", { name: "Green tea" }).waitFor({ timeout: PAGE_MS });
      return true;
    } catch (error) {
      if (/Timeout|net::ERR_/.test((error as Error).message)) return undefined;
      throw error;
    }
  });
}
