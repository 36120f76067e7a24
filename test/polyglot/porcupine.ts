// porcupine, a checker of histories in Go that others trust, against our own: on the same histories, good and bad, both
// must come to the same verdict. It is built in a temporary directory; only main.go is ours.

import { copyFile, mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Prng } from "../../src/platform/sim/prng.ts";
import { findAnomalies } from "../isolation/dependency-graph.ts";
import { type History, lastWrites, resolved } from "../isolation/history.ts";
import { isLinearizable, type Operation } from "../isolation/linearizability.ts";
import { randomOperations } from "../isolation/random-operations.ts";
import { simulatedHistory } from "../isolation/simulated-history.ts";
import type { Bench } from "./bench.ts";

const version = "v1.3.1";
const buildMs = 120_000;
const checkMs = 120_000;
const registers = 2_000;
const seeds = 40;

/** What porcupine reads: see main.go. */
interface Call {
  readonly call: number;
  readonly return: number;
  readonly reads: Readonly<Record<string, string | null>>;
  readonly writes: Readonly<Record<string, string | null>>;
  readonly present?: readonly string[];
}

interface Case {
  readonly name: string;
  readonly calls: readonly Call[];
  readonly good: boolean;
  /**
   * Whether porcupine may find a history good that ours finds bad. It sees contents and no versions: a write that
   * nobody read before the next one can stand elsewhere in its order. So it judges view serializability, and our
   * dependency graph conflict serializability, which is stricter. Writes without a look at what they replace are common
   * only under the weaker levels.
   */
  readonly oursMayBeStricter?: boolean;
}

/** The share of such histories from which on the difference is no accident any more. */
const mostStricter = 0.05;

/** Later than anything else. */
const atTheEnd = 2 ** 52;

export async function tryPorcupine(bench: Bench): Promise<void> {
  if ((await bench.run("go", ["version"])).code !== 0) return bench.skip("porcupine", "there is no go to build it");
  const program = await build(bench);
  if (typeof program !== "string") return bench.skip("porcupine", program.missing);
  await bench.check("porcupine agrees on single operations", () =>
    compare(bench, program, "registers", registerCases()),
  );
  await bench.check("porcupine agrees on transactions", async () => {
    return await compare(bench, program, "transactions", await transactionCases());
  });
}

async function build({ run, directory }: Bench): Promise<string | { readonly missing: string }> {
  const sources = join(directory, "porcupine");
  await mkdir(sources);
  await copyFile(join(import.meta.dirname, "porcupine", "main.go"), join(sources, "main.go"));
  const commands = [
    ["mod", "init", "check"],
    ["get", `github.com/anishathalye/porcupine@${version}`],
    ["build", "-o", "check", "."],
  ];
  for (const args of commands) {
    const { code, stderr } = await run("go", ["-C", sources, ...args], { timeoutMs: buildMs });
    if (code !== 0) return { missing: `go ${args[0]} didn't work: ${stderr.trim().split("\n").at(-1)}` };
  }
  return join(sources, "check");
}

async function compare(bench: Bench, program: string, name: string, cases: readonly Case[]): Promise<string> {
  const file = join(bench.directory, `${name}.jsonl`);
  await writeFile(file, cases.map(({ calls }) => `${JSON.stringify(calls)}\n`).join(""));
  const { code, stdout, stderr } = await bench.run(program, [file], { timeoutMs: checkMs });
  if (code !== 0) throw new Error(stderr);
  const verdicts = stdout.trim().split("\n");
  const differs = ({ good }: Case, i: number): boolean => verdicts[i] !== (good ? "ok" : "illegal");
  const stricter = cases.filter((each, i) => differs(each, i) && !each.good && each.oursMayBeStricter === true);
  const differing = cases.filter((each, i) => differs(each, i) && !stricter.includes(each));
  if (stricter.length > cases.length * mostStricter) differing.push(...stricter);
  if (differing.length > 0 || verdicts.length !== cases.length) {
    const shown = differing.slice(0, 5).map((each) => `${each.name}: ours ${each.good}, ${JSON.stringify(each.calls)}`);
    throw new Error(`${differing.length} of ${cases.length} verdicts differ\n${shown.join("\n")}`);
  }
  const good = cases.filter((each) => each.good).length;
  const rest = stricter.length === 0 ? "" : `, ${stricter.length} of them only to us, who know the versions`;
  return `${good} good histories and ${cases.length - good} bad ones${rest}`;
}

function registerCases(): Case[] {
  return Array.from({ length: registers }, (_, i) => {
    const operations = randomOperations(new Prng(i, 900));
    return { name: `register ${i}`, calls: operations.map(callOf), good: isLinearizable(operations) };
  });
}

function callOf({ kind, key, calledAt, answeredAt, mark, found }: Operation): Call {
  const times = { call: calledAt, return: Math.min(answeredAt, atTheEnd) };
  if (kind === "get") return { ...times, reads: { [key]: mark ?? null }, writes: {} };
  if (kind === "put") return { ...times, reads: {}, writes: { [key]: mark ?? null } };
  const writes = { [key]: null };
  if (answeredAt === Number.POSITIVE_INFINITY) return { ...times, reads: {}, writes };
  return found ? { ...times, reads: {}, writes, present: [key] } : { ...times, reads: { [key]: null }, writes };
}

/** Histories under every level: the weaker ones are mostly not serializable. */
async function transactionCases(): Promise<Case[]> {
  const cases: Case[] = [];
  for (let seed = 1; seed <= seeds; seed++) {
    for (const isolation of ["serializable", "snapshot", "last_commit_wins"] as const) {
      const { history } = await simulatedHistory(seed, isolation);
      const good = findAnomalies(history).length === 0;
      const oursMayBeStricter = isolation !== "serializable";
      cases.push({ name: `${isolation} ${seed}`, calls: callsOf(history), good, oursMayBeStricter });
    }
  }
  return cases;
}

function callsOf(history: History): Call[] {
  const { transactions, final } = resolved(history);
  const committed = transactions.filter(({ outcome }) => outcome === "committed");
  const calls = committed.map((transaction): Call => {
    const reads = transaction.reads.map(({ key, mark }) => [key, mark ?? null] as const);
    const writes = [...lastWrites(transaction)].map(([key, mark]) => [key, mark ?? null] as const);
    const times = { call: transaction.beganAt, return: Math.min(transaction.endedAt, atTheEnd) };
    return { ...times, reads: Object.fromEntries(reads), writes: Object.fromEntries(writes) };
  });
  const stored = Object.fromEntries(final.map(({ key, mark }) => [key, mark ?? null]));
  return [...calls, { call: atTheEnd + 1, return: atTheEnd + 2, reads: stored, writes: {} }];
}
