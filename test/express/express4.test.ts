import { createRequire } from "node:module";
import type express from "express";
import { middlewareSuite } from "./suite.js";

middlewareSuite("Express 4", createRequire(import.meta.url)("express4") as typeof express);
