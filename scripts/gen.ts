// npm run gen: brings gen/ up to date. Only files that change are written.

import { mkdir, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { generate, readTree } from "./generate.ts";
import { root } from "./run.ts";

const directory = join(root, "gen");
const [wanted, present] = await Promise.all([generate(), readTree(directory)]);
let changed = 0;

for (const [path, content] of wanted) {
  if (present.get(path)?.equals(content)) continue;
  await mkdir(dirname(join(directory, path)), { recursive: true });
  await writeFile(join(directory, path), content);
  changed++;
}
for (const path of present.keys()) {
  if (wanted.has(path)) continue;
  await rm(join(directory, path));
  changed++;
}
console.log(`gen/ has ${wanted.size} files; ${changed} changed.`);
