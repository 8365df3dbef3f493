import express from "express";
import { middlewareSuite } from "./suite.js";

middlewareSuite("Express 5", express);
