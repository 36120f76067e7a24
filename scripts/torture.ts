// npm run torture: every layer of the proof at the large size, on all cores. Each layer goes on where it stopped, and
// stops at the first run that breaks a promise, with what is needed to do exactly that run again.
//
// The runs themselves are the test suites' (test/): this only hands them out. See scripts/torture/layers.ts.

import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { type Layer, shown, sum } from "./torture/layer.ts";
import { layers } from "./torture/layers.ts";
import { type Pass, passOf } from "./torture/position.ts";
import { type LayerResult, runLayer } from "./torture/run-layer.ts";
import { serveParent } from "./torture/worker-process.ts";

const usage = `npm run torture                                      all layers, each from where it stopped
npm run torture -- --list                            their names and sizes
npm run torture -- --layer simulation --layer kill   some of them
npm run torture -- --layer simulation --runs 5000    another number of runs than the list's (--seeds is the same)
npm run torture -- --layer decoders --runs 100000000 --minutes 120     for two hours
npm run torture -- --layer fuzz --processes 1        in one process; by default there is one for each core
npm run torture -- --layer model --from 4711 --runs 1     exactly this run; the position stays as it is`;

/** Lines of a failure that are shown. */
const failureLines = 60;

/** What the command line asks for. */
interface Plan {
  readonly show: "usage" | "layers" | undefined;
  readonly chosen: readonly Layer[];
  readonly runs: number | undefined;
  readonly from: number | undefined;
  readonly minutes: number;
  readonly processes: number;
}

if (process.send === undefined) await direct();
else serveParent(layerNamed(process.argv.at(-1) ?? ""), sum);

async function direct(): Promise<void> {
  let plan: Plan;
  try {
    plan = planOf(process.argv.slice(2));
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  if (plan.show === "usage") console.log(usage);
  else if (plan.show === "layers") list();
  else await torture(plan);
}

function planOf(args: readonly string[]): Plan {
  const { values } = parseArgs({
    args: [...args],
    options: {
      layer: { type: "string", multiple: true },
      runs: { type: "string" },
      seeds: { type: "string" },
      from: { type: "string" },
      minutes: { type: "string" },
      processes: { type: "string" },
      list: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  return {
    show: values.help ? "usage" : values.list ? "layers" : undefined,
    chosen: values.layer?.map(layerNamed) ?? layers,
    runs: numberOf("--runs", values.runs ?? values.seeds),
    from: numberOf("--from", values.from),
    minutes: numberOf("--minutes", values.minutes) ?? Number.POSITIVE_INFINITY,
    processes: numberOf("--processes", values.processes) ?? availableParallelism(),
  };
}

function list(): void {
  for (const { name, size, unit } of layers) console.log(`${name.padEnd(14)} ${size.toLocaleString("en")} ${unit}`);
}

async function torture({ chosen, runs, from, minutes, processes }: Plan): Promise<void> {
  const results: LayerResult[] = [];
  for (const layer of chosen) {
    const pass = choosePass(layer, from, runs);
    const resumable = from === undefined;
    const result = await runLayer(layer, { pass, resumable, processes, minutes, program: import.meta.filename });
    results.push(result);
    if (result.failure !== undefined) explain(result);
  }
  console.log("\nSummary");
  for (const result of results) console.log(summaryOf(result));
  if (results.some(({ failure }) => failure !== undefined)) process.exitCode = 1;
}

function choosePass(layer: Layer, from: number | undefined, runs: number | undefined): Pass {
  if (from !== undefined) return { next: from, end: from + (runs ?? layer.size) };
  const pass = passOf(layer.name, runs ?? layer.size);
  return runs === undefined ? pass : { next: pass.next, end: pass.next + runs };
}

function explain({ layer, failure }: LayerResult): void {
  const message = failure?.message.split("\n").slice(0, failureLines).join("\n");
  console.error(`${layer.name}: run ${failure?.run} FAILED. To do exactly this one again:`);
  console.error(`  npm run torture -- --layer ${layer.name} --from ${failure?.run} --runs 1\n${message}`);
}

function summaryOf({ layer, runs, counts, minutes, failure }: LayerResult): string {
  const verdict = failure === undefined ? "passed" : `FAILED at ${failure.run}`;
  const done = [`${runs.toLocaleString("en")} ${layer.unit}`, shown(counts)].filter(Boolean).join(", ");
  return `  ${layer.name.padEnd(14)} ${verdict}: ${done}, ${minutes.toFixed(1)} min`;
}

function layerNamed(name: string): Layer {
  const layer = layers.find((candidate) => candidate.name === name);
  if (layer !== undefined) return layer;
  throw new Error(`There is no layer ${name}: ${layers.map((candidate) => candidate.name).join(", ")}`);
}

function numberOf(flag: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const number = Number(text);
  if (number > 0 && (Number.isSafeInteger(number) || flag === "--minutes")) return number;
  throw new Error(`${flag} takes a positive number, not ${text}`);
}
