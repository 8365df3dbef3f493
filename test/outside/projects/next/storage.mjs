import { Storage } from "cluster-storage";

let storage;

/** The storage of this process. It is opened by the first request, and not when `next build` loads the module. */
export function getStorage() {
  storage ??= new Storage("app", { path: process.env.DATA_DIR }).on("error", console.error);
  return storage;
}
