/** The files of the page, with their paths and types. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const read = (name) => readFileSync(join(import.meta.dirname, "page", name), "utf8");

export const PAGE = [
  { path: "/", type: "text/html; charset=utf-8", text: read("index.html") },
  { path: "/shop.css", type: "text/css; charset=utf-8", text: read("shop.css") },
  { path: "/shop.js", type: "text/javascript; charset=utf-8", text: read("shop.js") },
];
