// npm run check: everything that must hold before a commit, short of the tests. One line a step with its time; what a
// step writes is shown only when it fails. Exit code 1 when any step failed.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { generate, readTree } from "./generate.ts";
import { missingPlatforms, readLockFile } from "./lock-platforms.ts";
import { existing, root, run, type RunResult } from "./run.ts";

interface Step {
  readonly name: string;
  readonly run: () => Promise<RunResult>;
}

const baseline = "proto/baseline.binpb";

const steps: readonly Step[] = [
  { name: "generated code is current", run: generatedCodeIsCurrent },
  { name: "types", run: () => run("tsc", ["--project", "tsconfig.json"]) },
  { name: "publishable types", run: () => run("tsc", ["--project", "tsconfig.build.json", "--noEmit"]) },
  { name: "lint", run: () => run("oxlint", ["--deny-warnings"]) },
  { name: "format", run: () => run("biome", ["format"]) },
  { name: "protocol lint", run: () => run("buf", ["lint"]) },
  { name: "protocol format", run: () => run("buf", ["format", "--diff", "--exit-code", "proto"]) },
  { name: "protocol breaks no client", run: protocolBreaksNoClient },
  { name: "lock file fits every machine", run: lockFileFitsEveryMachine },
  { name: "tidy", run: () => run("ava", ["test/tidy.test.ts"]) },
];

const width = Math.max(...steps.map((step) => step.name.length));
const queue = [...steps];
let failures = 0;

// Two at a time: most steps keep one core busy.
await Promise.all([work(), work()]);
if (failures > 0) console.error(`${failures} of ${steps.length} checks failed.`);
process.exitCode = failures > 0 ? 1 : 0;

async function work(): Promise<void> {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const start = performance.now();
    const { code, output } = await step.run().catch((error: unknown) => ({ code: 1, output: `${String(error)}\n` }));
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    console.log(`${code === 0 ? "ok  " : "FAIL"} ${step.name.padEnd(width)} ${seconds.padStart(6)} s`);
    if (code === 0) continue;
    failures++;
    console.log(output.trimEnd().replaceAll(/^/gm, "     "));
  }
}

async function generatedCodeIsCurrent(): Promise<RunResult> {
  const [wanted, present] = await Promise.all([generate(), readTree(join(root, "gen"))]);
  const paths = new Set([...wanted.keys(), ...present.keys()]);
  const stale = [...paths].filter((path) => {
    const content = wanted.get(path);
    return content === undefined || present.get(path)?.equals(content) !== true;
  });
  const lines = stale.map((path) => `gen/${path} is not what the .proto files make: npm run gen\n`);
  return { code: stale.length === 0 ? 0 : 1, output: lines.join("") };
}

async function protocolBreaksNoClient(): Promise<RunResult> {
  if (existing([baseline]).length === 0) return { code: 1, output: `${baseline} is missing: npm run proto:accept\n` };
  const result = await run("buf", ["breaking", "proto", "--against", baseline, "--exclude-imports"]);
  if (result.code === 0) return result;
  return {
    ...result,
    output: `${result.output}If this change is meant, and no client exists yet: npm run proto:accept\n`,
  };
}

async function lockFileFitsEveryMachine(): Promise<RunResult> {
  const problems = [];
  for (const file of existing(["package.json", "package-lock.json", ".npmrc"])) {
    const text = await readFile(join(root, file), "utf8");
    if (/"resolved"|registry *=|\.tgz"/.test(text)) problems.push(`${file} says where packages are fetched from\n`);
  }
  for (const path of missingPlatforms(readLockFile()).keys()) {
    problems.push(`package-lock.json lacks ${path}: npm run lock\n`);
  }
  return { code: problems.length === 0 ? 0 : 1, output: problems.join("") };
}
