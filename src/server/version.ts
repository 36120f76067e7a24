// The version of this package, from its package.json: beside src/ in a clone, beside dist/ in an installed package.

import { readFileSync } from "node:fs";

/** As in package.json: `1.2.3`. */
export const version: string = readVersion();

function readVersion(): string {
  for (const up of ["../../package.json", "../../../package.json"]) {
    try {
      const found = JSON.parse(readFileSync(new URL(up, import.meta.url), "utf8")) as Record<string, unknown>;
      if (found["name"] === "docdb" && typeof found["version"] === "string") return found["version"];
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    }
  }
  return "unknown";
}
