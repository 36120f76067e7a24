// docdb stats: how a server and its databases are.

import type { Command } from "commander";
import type { DatabaseStats, ErrorCount, PoolStats, ServerStats } from "../client/index.ts";
import { type ConnectionOptions, withClient, withConnection } from "./connection-options.ts";
import { print } from "./output.ts";
import { bytes, printTable, share } from "./table.ts";

export function addStatsCommand(program: Command): void {
  const command = program
    .command("stats")
    .description("tell how the server and its databases are")
    .argument("[database]", "only this database, in more detail")
    .addHelpText(
      "after",
      `
It opens no database and waits for nobody. With --json everything that the server tells is one object.

Examples:
  $ docdb stats
  $ docdb stats app
  $ docdb stats --json | jq '.errors.codes'`,
    );
  withConnection(command).action(async (database: string | undefined, options: ConnectionOptions) => {
    const stats = await withClient(options, (client) => client.stats({ database }));
    if (options.json)
      print(JSON.stringify(stats, (_key, value: unknown) => (typeof value === "bigint" ? String(value) : value)));
    else if (database === undefined) printServer(stats);
    else for (const one of stats.databases) printDatabase(one);
  });
}

function printServer({ server, pool, scheduler, memory, fsyncMode, databases, errors }: ServerStats): void {
  const { version, processId, startTime, nodeVersion, connections, residentBytes, eventLoopDelayP99Ms } = server;
  printTable([
    ["server", `DocDB ${version}, process ${processId} on Node.js ${nodeVersion}, since ${startTime.toISOString()}`],
    ["data", `${server.dataDirectory}, fsync ${fsyncMode}`],
    ["memory", memoryLine(residentBytes, memory)],
    ["held for", heldFor(memory)],
    ["connections", `${connections}, event loop late by ${eventLoopDelayP99Ms.toFixed(1)} ms (p99)`],
    ...poolRows(pool),
    ["slots", `${scheduler.slotsBusy} of ${scheduler.slots} busy, ${scheduler.queued} calls wait`],
    ["calls", `${scheduler.executed} executed, ${scheduler.rejected} rejected, ${scheduler.dropped} dropped`],
  ]);
  if (databases.length > 0) {
    print("");
    printTable([
      ["DATABASE", "STATE", "DOCUMENTS", "JSON", "MEMORY", "DATA FILE", "DEAD", "WAL", "QUEUED"],
      ...databases.map(databaseRow),
    ]);
  }
  if (errors.codes.length > 0) {
    print("");
    printTable([["ERROR", "COUNT", "PER SECOND", "LAST", "MESSAGE"], ...errors.codes.map(errorRow)]);
  }
}

function poolRows(pool: PoolStats): string[][] {
  const { databases, open, readOnly, failed, maxOpen, waiting, toRecover } = pool;
  const bound = maxOpen === 0 ? "" : ` of ${maxOpen} at most`;
  const opened = `${pool.opens} opened, ${pool.openFailures} could not be`;
  const closed = `${pool.idleCloses} closed when idle, ${pool.evictions} to make room`;
  const rows = [
    ["databases", `${databases}: ${open + readOnly} open${bound}, ${readOnly} of them read-only; ${failed} failed`],
    ["openings", `${opened}, ${closed}, ${waiting} wait`],
  ];
  if (toRecover > 0) rows.push(["recovery", `${toRecover} databases are yet to be recovered since the start`]);
  return rows;
}

function memoryLine(residentBytes: number, { usedBytes, limitBytes, refusals }: ServerStats["memory"]): string {
  const limit = limitBytes === 0 ? "without limit" : `of ${bytes(limitBytes)}`;
  return `${bytes(usedBytes)} ${limit} accounted for, ${refusals} calls refused; ${bytes(residentBytes)} resident`;
}

/** What memory is held for, the most first. */
function heldFor(memory: ServerStats["memory"]): string {
  const parts: [string, number][] = [
    ["index", memory.indexBytes],
    ["cache", memory.cacheBytes],
    ["writes", memory.pendingWriteBytes],
    ["transactions", memory.transactionBytes],
    ["snapshots", memory.snapshotBytes],
    ["calls", memory.callBytes],
  ];
  parts.sort((a, b) => b[1] - a[1]);
  return parts.map(([what, held]) => `${what} ${bytes(held)}`).join(", ");
}

function databaseRow({ name, state, queued, opened }: DatabaseStats): string[] {
  if (opened === undefined) return [name, state];
  const { documents, jsonBytes, memoryBytes, dataFile, wal } = opened;
  const dead = share(dataFile.deadBytes, dataFile.bytes);
  const sizes = [bytes(jsonBytes), bytes(memoryBytes), bytes(dataFile.bytes), dead, bytes(wal.bytes)];
  return [name, state, String(documents), ...sizes, String(queued)];
}

function errorRow({ name, count, perSecond, lastTime, lastMessage }: ErrorCount): string[] {
  return [name, String(count), perSecond.toFixed(2), lastTime.toISOString(), lastMessage];
}

function printDatabase({ name, state, stateReason, queued, opened }: DatabaseStats): void {
  const rows = [
    ["database", name],
    ["state", stateReason === "" ? state : `${state}: ${stateReason}`],
    ["calls that wait", String(queued)],
  ];
  if (opened !== undefined) rows.push(...openedRows(opened));
  printTable(rows);
}

function openedRows(opened: NonNullable<DatabaseStats["opened"]>): string[][] {
  const { dataFile, wal, commits } = opened;
  const checkpoint = `version ${wal.checkpointVersion}${upkeep(wal.lastCheckpointTime, wal.lastCheckpointMs)}`;
  const dead = `${bytes(dataFile.deadBytes)} of it dead (${share(dataFile.deadBytes, dataFile.bytes)})`;
  const perFsync = commits.fsyncs === 0 ? "" : `, ${(commits.fsyncMs / commits.fsyncs).toFixed(2)} ms each`;
  return [
    ["version", `${opened.version}, durable up to ${commits.durableVersion}`],
    ["documents", `${opened.documents} with ${bytes(opened.jsonBytes)} of JSON, in ${opened.collections} collections`],
    ["deletions", `${opened.tombstones} kept on record`],
    ["quarantined", String(opened.quarantined)],
    ["snapshots", `${opened.snapshots} with ${opened.oldVersions} old versions`],
    ["transactions", String(opened.transactions)],
    ["memory", bytes(opened.memoryBytes)],
    ["data file", `${bytes(dataFile.bytes)}, ${dead}`],
    ["generation", `${dataFile.generation}${upkeep(dataFile.lastCompactionTime, dataFile.lastCompactionMs)}`],
    ["WAL", `${bytes(wal.bytes)} in ${wal.segments} segments, the newest is ${wal.currentSegment}`],
    ["to replay", bytes(wal.replayBytes)],
    ["checkpoint", checkpoint],
    ["commits", `${commits.commits} in ${commits.groups} groups, ${commits.fsyncs} fsyncs${perFsync}`],
  ];
}

function upkeep(time: Date | undefined, durationMs: number | undefined): string {
  return time === undefined ? "" : `, at ${time.toISOString()} in ${(durationMs ?? 0).toFixed(0)} ms`;
}
