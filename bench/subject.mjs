/** The package that is measured: what `npm run build` has compiled beside this folder, never a copy that is installed. */
export { ClusterSessionStore, Storage } from "../dist/index.js";
