// What the commands write: data on stdout, messages on stderr, colour only for a terminal that wants it.

import { once } from "node:events";
import { createWriteStream } from "node:fs";
import { rename, rm } from "node:fs/promises";
import { styleText } from "node:util";
import { DocDBError, type DocumentStamp } from "../client/index.ts";

/** Where data goes. */
export interface DataSink {
  /** Writes a text, and waits while the reader is slower than the writer. */
  write(text: string): Promise<void>;
  /** Ends the data: a file appears only now, under its name when it is whole. */
  finish(incomplete: boolean): Promise<void>;
  /** Gives up: nothing of a file stays. */
  abandon(): Promise<void>;
}

/** stdout. A reader that leaves early, as `head` does, ends the process quietly. */
export function standardOutput(): DataSink {
  return {
    write: async (text) => {
      if (!process.stdout.write(text)) await once(process.stdout, "drain");
    },
    finish: () => Promise.resolve(),
    abandon: () => Promise.resolve(),
  };
}

/**
 * A file, which is written beside its place and put there at the end, so that half a file is never taken for a whole.
 */
export async function fileOutput(path: string): Promise<DataSink> {
  const partial = `${path}.partial`;
  const stream = createWriteStream(partial, { flush: true });
  await once(stream, "open");
  let failure: unknown;
  stream.on("error", (error) => {
    failure = error;
  });
  const check = (): void => {
    if (failure !== undefined) throw failure as Error;
  };
  return {
    write: async (text) => {
      check();
      if (!stream.write(text)) await once(stream, "drain");
    },
    finish: async (incomplete) => {
      stream.end();
      await once(stream, "close");
      check();
      await rename(partial, incomplete ? incompletePath(path) : path);
    },
    abandon: async () => {
      stream.destroy();
      await rm(partial, { force: true });
    },
  };
}

/** Where a file is put of which something is missing, so that it doesn't replace a whole one. */
export function incompletePath(path: string): string {
  return `${path}.incomplete`;
}

/** Ends quietly when whoever reads stdout has gone. */
export function endWithReader(): void {
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code === "EPIPE") process.exit(0);
    say(`error: stdout can't be written: ${error.message}`);
    process.exit(1);
  });
}

/** Writes a line of data. */
export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

/** Writes a message for people. */
export function say(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** Reports a failure, as one line of JSON for `--json`. */
export function sayError(error: DocDBError, json: boolean): void {
  if (json) say(JSON.stringify({ error: errorFacts(error) }));
  else say(`${styleText("red", "error:", { stream: process.stderr })} ${error.message} (${error.code})`);
}

/** The facts of an error for programs. */
export function errorFacts(error: DocDBError): Record<string, unknown> {
  return { code: error.code, message: error.message, metadata: error.metadata };
}

/** The facts of a mutation for programs. Ids and versions are texts: a JSON number can't hold them everywhere. */
export function stampFacts(stamp: DocumentStamp): Record<string, unknown> {
  return {
    id: String(stamp.id),
    version: String(stamp.version),
    createTime: stamp.createTime,
    updateTime: stamp.updateTime,
  };
}

/** The error as one of DocDB's. Those of the file system keep their text: they are about the user's files. */
export function asDocDBError(error: unknown): DocDBError {
  if (error instanceof DocDBError) return error;
  const system = error instanceof Error && "syscall" in error;
  if (system) return new DocDBError("IO_ERROR", error.message, { cause: error });
  return DocDBError.from(error);
}
