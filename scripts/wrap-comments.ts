// npm run format, second part: breaks comment lines that are too long, which the formatter leaves alone. What doesn't
// fit moves to the start of the next line of its paragraph. Lines that fit are never joined.

import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readSourceFiles } from "./source-tree.ts";
import { root } from "./run.ts";

const maxColumns = 120;

/** The text with every line that is nothing but a comment cut to 120 columns. */
export function wrapComments(text: string): string {
  const lines = text.split("\n");
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i] ?? "";
    if (line.length <= maxColumns) continue;
    const single = /^(\s*)\/\*\* (.*) \*\/$/.exec(line);
    if (single !== null) {
      lines.splice(i, 1, `${single[1]}/**`, `${single[1]} * ${single[2]}`, `${single[1]} */`);
      continue;
    }
    const comment = /^(\s*(?:\/\/|\*) )(- |\d+\. | *)(.*)$/.exec(line);
    const end = line.lastIndexOf(" ", maxColumns);
    if (comment === null || end <= (comment[1] ?? "").length + (comment[2] ?? "").length) continue;

    const prefix = `${comment[1]}${" ".repeat((comment[2] ?? "").length)}`;
    const rest = line.slice(end + 1);
    lines[i] = line.slice(0, end);
    const next = lines[i + 1] ?? "";
    const continues = next.startsWith(prefix) && /^[\w`"'(]/.test(next.slice(prefix.length));
    if (continues) lines[i + 1] = `${prefix}${rest} ${next.slice(prefix.length)}`;
    else lines.splice(i + 1, 0, `${prefix}${rest}`);
  }
  return lines.join("\n");
}

if (import.meta.main) {
  const everywhere = ["src", "test", "scripts", "demo", "examples", "bench", "proto"];
  const directories = process.argv.length > 2 ? process.argv.slice(2) : everywhere;
  for (const { path } of readSourceFiles(directories, [".ts", ".js", ".proto"])) {
    const text = readFileSync(join(root, path), "utf8");
    const wrapped = wrapComments(text);
    if (wrapped === text) continue;
    writeFileSync(join(root, path), wrapped);
    console.log(`wrapped comments of ${path}`);
  }
}
