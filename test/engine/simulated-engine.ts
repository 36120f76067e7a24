// Engines on simulated machines, and short ways to talk to them.

import { DocDBError } from "../../src/base/errors.ts";
import type { Command, CommandName, Result, WriteOperation } from "../../src/engine/commands.ts";
import { Engine } from "../../src/engine/engine.ts";
import type { EngineOptions } from "../../src/engine/engine-options.ts";
import type { Clock } from "../../src/platform/platform.ts";
import { SimulatedMachine } from "../../src/platform/sim/simulated-machine.ts";
import { silentObserver } from "../../src/telemetry/observer.ts";

export const directory = "/db";

/** A machine with an engine on it; every call runs the machine until it is answered. */
export class SimulatedEngine {
  readonly machine: SimulatedMachine;
  readonly options: Partial<EngineOptions>;
  #engine: Engine | undefined;
  #clock: Clock | undefined;

  constructor(options: Partial<EngineOptions> = {}, machine: SimulatedMachine = new SimulatedMachine(1)) {
    this.machine = machine;
    this.options = options;
  }

  /** Boots, or boots again after a crash or a close. */
  async start(): Promise<this> {
    const platform = this.machine.platform();
    this.#clock = platform.clock;
    const defaults = { directory, platform, observer: silentObserver, fsyncMode: "group" } as const;
    this.#engine = await this.machine.run(Engine.open({ ...defaults, ...this.options }));
    return this;
  }

  get engine(): Engine {
    if (this.#engine === undefined) throw new Error("start it first");
    return this.#engine;
  }

  /** The clock that the engine goes by. */
  get clock(): Clock {
    if (this.#clock === undefined) throw new Error("start it first");
    return this.#clock;
  }

  /** Closes the engine cleanly and starts another. */
  async restart(): Promise<this> {
    await this.machine.run(this.engine.close());
    return await this.start();
  }

  /** Loses power and starts again. */
  async crash(): Promise<this> {
    this.machine.crash("power", "torn");
    return await this.start();
  }

  /** Loses power and the index snapshots, and starts again. */
  async crashWithoutSnapshot(): Promise<this> {
    this.machine.crash("power", "torn");
    for (const path of this.machine.files().keys()) if (path.endsWith(".index")) this.machine.removeFile(path);
    return await this.start();
  }

  run<K extends CommandName>(command: Command<K>): Promise<Result<K>> {
    return this.machine.run(this.engine.execute(command));
  }

  /** The code of the error that a command ends in, or "none". */
  async codeOf<K extends CommandName>(command: Command<K>): Promise<string> {
    try {
      await this.run(command);
      return "none";
    } catch (error) {
      return error instanceof DocDBError ? error.code : `not an error of ours: ${String(error)}`;
    }
  }

  /** The text of a document of database `d`, or the code of why there is none. */
  async read(id: bigint, collection = ""): Promise<string> {
    try {
      return Buffer.from((await this.run({ op: "getDocument", database: "d", collection, id })).json).toString();
    } catch (error) {
      if (error instanceof DocDBError) return error.code;
      throw error;
    }
  }

  async write(operation: WriteOperation): Promise<{ id: bigint; version: number }> {
    return await this.run({ op: "writeDocument", database: "d", operation });
  }
}

/** A started engine with an empty database `d`. */
export async function engineWithDatabase(
  options: Partial<EngineOptions> = {},
  machine?: SimulatedMachine,
): Promise<SimulatedEngine> {
  const started = await new SimulatedEngine(options, machine).start();
  await started.run({ op: "createDatabase", database: "d" });
  return started;
}

export function create(id: bigint, json = "{}", collection = ""): WriteOperation {
  return { kind: "create", collection, id, json: Buffer.from(json) };
}

export function update(id: bigint, json: string, collection = ""): WriteOperation {
  return { kind: "update", collection, id, json: Buffer.from(json), allowMissing: true };
}

export function remove(id: bigint, collection = ""): WriteOperation {
  return { kind: "delete", collection, id, allowMissing: false };
}
