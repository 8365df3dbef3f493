/** The suite for the local engine. */
import { engineConformance } from "./engine.js";
import { Home } from "./home.js";

engineConformance({ name: "local", filename: /app\.db$/, members: (t, options) => new Home(t, options) });
