// npm run build: emits dist/ for publishing, plain JavaScript with declarations. Development needs no build.

import { copyFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { root, runOrThrow } from "./run.ts";

await rm(join(root, "dist"), { recursive: true, force: true });
await runOrThrow("tsc", ["--project", "tsconfig.build.json"]);
await copyFile(join(root, "gen", "descriptors.binpb"), join(root, "dist", "gen", "descriptors.binpb"));
console.log("dist/ is built.");
