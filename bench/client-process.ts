// A contender in a process of its own: does what its parent asks, and says how long it took.
//     node client-process.ts <contender> <socket>

import { type ContenderName, document } from "./contender.ts";
import { contender } from "./contenders.ts";
import type { Answer, Job, Measured, Request } from "./jobs.ts";

const [name, socket] = process.argv.slice(2) as [ContenderName, string];
const subject = await contender(name, socket);

/** Documents that were loaded. */
let loaded = 1;

const anyId = (): number => 1 + Math.floor(Math.random() * loaded);

/** One operation of a workload. */
function operationOf(workload: Job["workload"]): () => Promise<void> {
  switch (workload) {
    case "get":
      return () => subject.get(anyId());
    case "create":
      return () => known(subject.create)(document);
    case "batch":
      return () => known(subject.batch)(document);
    case "mixed":
      return mixed;
    case "scan":
      return async () => {
        const count = await known(subject.scan)();
        if (count < loaded) throw new Error(`a scan found ${count} of ${loaded} documents`);
      };
  }
}

/** 40 % get, 30 % create, 20 % update, 10 % delete. */
function mixed(): Promise<void> {
  const chance = Math.random();
  if (chance < 0.4) return subject.get(anyId());
  if (chance < 0.7) return known(subject.create)(document);
  if (chance < 0.9) return known(subject.update)(anyId(), document);
  return known(subject.deleteOldest)();
}

function known<T>(operation: T | undefined): T {
  if (operation === undefined) throw new Error(`${name} doesn't do that`);
  return operation;
}

/** Runs a workload for a while; the first part of it doesn't count. */
async function measure({ workload, inFlight, seconds, warmUpSeconds }: Job): Promise<Measured> {
  const operation = operationOf(workload);
  const latencies: number[] = [];
  const startMs = performance.now() + warmUpSeconds * 1000;
  const endMs = startMs + seconds * 1000;
  let [firstMs, lastMs] = [Number.POSITIVE_INFINITY, 0];
  const worker = async (): Promise<void> => {
    for (let nowMs = performance.now(); nowMs < endMs; ) {
      const beganMs = nowMs;
      await operation();
      nowMs = performance.now();
      if (beganMs < startMs) continue;
      firstMs = Math.min(firstMs, beganMs);
      lastMs = Math.max(lastMs, nowMs);
      latencies.push(nowMs - beganMs);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  if (latencies.length === 0) throw new Error(`no operation of ${workload} ended in time: give it more --seconds`);
  const sorted = Float64Array.from(latencies).sort();
  const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
  const perSecond = sorted.length / ((lastMs - firstMs) / 1000);
  return { perSecond, p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

async function answer(request: Request): Promise<Answer> {
  try {
    switch (request.kind) {
      case "measure":
        return { measured: await measure(request.job) };
      case "clear":
        await subject.clear();
        return {};
      case "load":
        await (request.already ? subject.clear() : subject.load(request.count, request.text));
        loaded = request.count;
        return {};
      case "close":
        await subject.close();
        process.disconnect?.();
        return {};
    }
  } catch (error) {
    return { failed: error instanceof Error ? (error.stack ?? error.message) : String(error) };
  }
}

process.on("message", (request: Request) => {
  void answer(request).then((answered) => process.connected && process.send?.(answered));
});
process.send?.({});
