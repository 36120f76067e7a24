// npm run bench: how fast DocDB is beside its peers, on this machine. It is a benchmark and no test: it ends well
// whatever it finds. bench/README.md tells how to read its tables.

import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { cpus, release, tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { coldStart } from "./cold-start.ts";
import { manyDatabases } from "./databases.ts";
import { fairness } from "./fairness.ts";
import { overload } from "./overload.ts";
import { figures, isWanted } from "./figures.ts";
import { redisClient } from "./redis-contender.ts";
import { redisVersion } from "./server-processes.ts";
import { settingsOf, usage } from "./settings.ts";
import { soak } from "./soak.ts";
import { mebibytes } from "./table.ts";
import { telemetry } from "./telemetry.ts";

const settings = settingsOf(process.argv.slice(2));
if (settings === undefined) {
  console.error(usage);
  process.exit(2);
}

if (settings.directory !== undefined) await mkdir(settings.directory, { recursive: true });
const directory = await mkdtemp(join(settings.directory ?? tmpdir(), "docdb-bench-"));
try {
  const redis = redisVersion();
  const withRedis = redis !== undefined && redisClient() !== undefined;
  console.log(`${new Date().toISOString()}, npm run bench -- ${process.argv.slice(2).join(" ")}`);
  console.log(machine());
  if (settings.mode === "soak") {
    show(await soak(settings, directory));
  } else if (settings.mode === "fairness") {
    show(await fairness(settings, directory));
  } else if (settings.mode === "databases") {
    show(await manyDatabases(settings, directory));
  } else if (settings.mode === "telemetry") {
    show(await telemetry(settings, directory));
  } else if (settings.mode === "overload") {
    show(await overload(settings, directory));
  } else {
    console.log(withRedis ? `Redis ${redis}, appendfsync always, ioredis over a Unix socket` : withoutRedis(redis));
    show(await figures(settings, directory, withRedis));
    if (isWanted("cold-start", settings)) show([await coldStart(settings, directory, withRedis)]);
  }
} finally {
  await rm(directory, { recursive: true, force: true });
}

function show(tables: readonly string[]): void {
  for (const each of tables) console.log(`\n${each}`);
}

function machine(): string {
  const [cpu] = cpus();
  const memory = mebibytes(totalmem());
  return `${cpus().length} x ${cpu?.model.trim() ?? "CPU"}, ${memory} MiB, Linux ${release()}, Node ${process.version}`;
}

function withoutRedis(version: string | undefined): string {
  const missing = version === undefined ? "redis-server is not installed" : "ioredis is not: npm ci --prefix bench";
  return `without Redis: ${missing}`;
}
