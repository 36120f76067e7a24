// The real server on a file system that is really full: during writes, a checkpoint, a change of segments and a
// compaction. Each is refused with a clear error, reads go on, and when there is space so do writes, without a restart.
// Then it is killed while the disk is full. Nothing acknowledged is ever lost.

import { statSync } from "node:fs";
import { join } from "node:path";
import { type Client, type ServiceError, status } from "@grpc/grpc-js";
import test, { type ExecutionContext } from "ava";
import { DatabaseServiceService as Databases, DatabaseState } from "../../gen/docdb/v1/database.ts";
import {
  BatchWriteRequest,
  DocumentServiceService as Documents,
  GetDocumentRequest,
  WriteOperation,
} from "../../gen/docdb/v1/document.ts";
import { OperationsServiceService as Operations } from "../../gen/docdb/v1/operations.ts";
import { HealthCheckResponse_ServingStatus as Serving, HealthService } from "../../gen/health/v1/health.ts";
import { connect } from "../../src/client/index.ts";
import { call, decodeFailure, type Failure } from "../rpc/calls.ts";
import { clientOf, temporaryDirectory } from "../server/temporary-server.ts";
import { type ServerChild, startServerChild } from "./server-child.ts";
import { type SmallDisk, smallDisk } from "./small-disk.ts";

const mebibyte = 1024 * 1024;
const database = "d";
const flags = ["--wal-max-file-size-mb", "1", "--checkpoint-interval-mb", "64", "--wal-keep-segments", "0"];

/** A server on a small disk, and what it has acknowledged. */
class Scene {
  readonly t: ExecutionContext;
  readonly disk: SmallDisk;
  readonly #socket: string;
  readonly #stored = new Map<bigint, string>();
  #client: Client | undefined;
  #server: ServerChild | undefined;
  #writes = 0;

  constructor(t: ExecutionContext, disk: SmallDisk, directory: string) {
    this.t = t;
    this.disk = disk;
    this.#socket = join(directory, "s");
    t.teardown(async () => await this.#server?.end("SIGKILL"));
  }

  get client(): Client {
    if (this.#client === undefined) throw new Error("start it first");
    return this.#client;
  }

  /** The active WAL segment, as seen from here. */
  get segment(): string {
    return join(this.disk.path, "data", "wal", `${database}.wal`);
  }

  async start(): Promise<void> {
    this.#server = startServerChild(join(this.disk.mountPoint, "data"), this.#socket, flags, this.disk.enter);
    await (await connect({ socket: this.#socket, waitForServerMs: 20_000 })).close();
    this.#client = clientOf(this.t, this.#socket);
  }

  async kill(): Promise<void> {
    await this.#server?.end("SIGKILL");
  }

  /** Writes documents with these ids, of about so many bytes each; undefined when they are acknowledged. */
  async write(ids: readonly bigint[], bytes: number): Promise<Failure | undefined> {
    const texts = new Map(ids.map((id) => [id, JSON.stringify({ write: ++this.#writes, text: "x".repeat(bytes) })]));
    const operations = [...texts].map(([id, json]) =>
      WriteOperation.fromPartial({ operation: { $case: "update", value: { id, json, allowMissing: true } } }),
    );
    const request = BatchWriteRequest.create({ database, operations, atomic: true });
    const failure = await outcomeOf(call(this.client, Documents.batchWrite, request));
    if (failure === undefined) for (const [id, json] of texts) this.#stored.set(id, json);
    return failure;
  }

  /** Writes until it is refused. */
  async writeUntilRefused(bytes: number): Promise<Failure> {
    for (let n = 0; n < 5_000; n++) {
      const failure = await this.write([BigInt(1 + (n % 50))], bytes);
      if (failure !== undefined) return failure;
    }
    throw new Error("the disk doesn't get full");
  }

  /** That a failure says what it must, and that the database is none the worse for it. */
  async checkRefusal(failure: Failure | undefined): Promise<void> {
    this.t.like(failure, { status: status.RESOURCE_EXHAUSTED, reason: "DISK_FULL", retryDelayMs: 1000 });
    const { database: info } = await call(this.client, Databases.getDatabase, { database });
    this.t.is(info?.state, DatabaseState.OPEN, info?.stateReason);
    const { status: health } = await call(this.client, HealthService.check, { service: `docdb.v1/${database}` });
    this.t.is(health, Serving.SERVING);
    await this.checkReads(50);
  }

  /** That what was acknowledged is there, byte for byte; at most so many documents. */
  async checkReads(most = Number.POSITIVE_INFINITY): Promise<void> {
    const wrong: bigint[] = [];
    for (const [id, json] of [...this.#stored].slice(0, most)) {
      const { document } = await call(this.client, Documents.getDocument, GetDocumentRequest.create({ database, id }));
      if (document?.json !== json) wrong.push(id);
    }
    this.t.deepEqual(wrong, []);
  }

  /** That writing works again, at once and without a restart. */
  async checkWrites(): Promise<void> {
    this.t.is(await this.write([1n], 100), undefined);
    await this.checkReads(50);
  }

  compact(): Promise<Failure | undefined> {
    const { path, requestSerialize, responseDeserialize } = Operations.compactDatabase;
    const stream = this.client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, { database });
    return new Promise((resolve) => {
      stream.on("data", () => undefined);
      stream.on("end", () => resolve(undefined));
      stream.on("error", (error) => resolve(decodeFailure(error as ServiceError)));
    });
  }
}

test("a full disk refuses what needs space, loses nothing, and is over when there is space", async (t) => {
  t.timeout(60_000);
  const directory = await temporaryDirectory(t);
  const disk = await smallDisk(t, join(directory, "disk"), 48 * mebibyte);
  if (typeof disk === "string") {
    t.log(`SKIPPED: a small file system can't be mounted here: ${disk}`);
    t.pass();
    return;
  }
  const scene = new Scene(t, disk, directory);
  await scene.start();
  await call(scene.client, Databases.createDatabase, { database });

  t.log("writes");
  t.is(await scene.write([1n, 2n, 3n], 100), undefined);
  disk.fill(200_000);
  await scene.checkRefusal(await scene.writeUntilRefused(5_000));
  disk.fill();
  await scene.checkRefusal(await scene.write([4n], 50_000));
  disk.free();
  await scene.checkWrites();

  t.log("a change of segments");
  const { segment } = scene;
  while (statSync(segment).size < mebibyte) t.is(await scene.write([5n], 20_000), undefined);
  disk.fill();
  await scene.checkRefusal(await scene.write([6n], 1));
  disk.free();
  await scene.checkWrites();
  t.true(statSync(segment).size < mebibyte, "now the segment has changed");

  t.log("a checkpoint");
  for (let from = 100n; from < 5_100n; from += 1_000n) {
    t.is(
      await scene.write(
        Array.from({ length: 1_000 }, (_, i) => from + BigInt(i)),
        10,
      ),
      undefined,
    );
  }
  disk.fill(60_000);
  await scene.checkRefusal(await outcomeOf(call(scene.client, Operations.checkpointDatabase, { database })));
  disk.free();
  t.is(await outcomeOf(call(scene.client, Operations.checkpointDatabase, { database })), undefined);
  await scene.checkWrites();

  t.log("a compaction");
  t.log(`refused ${await compactOnFullDisks(scene)}`);
  disk.free();
  t.is(await scene.compact(), undefined);
  await scene.checkWrites();

  t.log("a kill on a full disk");
  disk.fill(300_000);
  await scene.checkRefusal(await scene.writeUntilRefused(5_000));
  await scene.kill();
  await scene.start();
  // Recovery may need space: then the database waits for it, and says so.
  const request = GetDocumentRequest.create({ database, id: 1n });
  const early = await outcomeOf(call(scene.client, Documents.getDocument, request));
  t.true([undefined, "DISK_FULL"].includes(early?.reason), early?.message);
  disk.free();
  await scene.checkReads();
  await scene.checkWrites();
});

/** Compacts with no room from the start, and while the room goes away. Returns what the refusals said. */
async function compactOnFullDisks(scene: Scene): Promise<string> {
  scene.t.is(
    await scene.write(
      Array.from({ length: 50 }, (_, i) => BigInt(i + 1)),
      100_000,
    ),
    undefined,
  );
  scene.disk.fill();
  const early = await scene.compact();
  await scene.checkRefusal(early);
  for (let attempt = 0; attempt < 5; attempt++) {
    scene.disk.free();
    const compacting = scene.compact();
    await new Promise((resolve) => setTimeout(resolve, attempt * 2));
    scene.disk.fill();
    const late = await compacting;
    if (late === undefined || late.message.includes("are free")) continue;
    await scene.checkRefusal(late);
    return `before it began (${early?.message}) and on its way (${late.message})`;
  }
  return "before it began only";
}

/** How a call fails, if it does. */
async function outcomeOf(calling: Promise<unknown>): Promise<Failure | undefined> {
  try {
    await calling;
    return undefined;
  } catch (error) {
    return decodeFailure(error as ServiceError);
  }
}
