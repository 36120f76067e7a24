// What buf curl and grpcurl have in common: a call of any RPC by its name, with requests and answers in protobuf's JSON
// form, in which 64-bit numbers are strings and fields without a value are left out.

import { inspect } from "node:util";

/** A call that failed. */
export interface JsonFailure {
  /** The gRPC status code. */
  readonly status: number;
  /** Of its google.rpc.ErrorInfo. */
  readonly reason: string;
  readonly domain: string;
}

export interface JsonAnswer {
  /** The messages of the response. Times and durations in them are replaced, see `messagesIn`. */
  readonly messages: readonly unknown[];
  /** Undefined when the call ended with OK. */
  readonly failure: JsonFailure | undefined;
}

/** Calls an RPC: `DocumentService/GetDocument` of package docdb.v1. Rejects when the tool itself fails. */
export type JsonCaller = (rpc: string, request: object) => Promise<JsonAnswer>;

/**
 * The messages that a tool wrote one after the other, each indented over many lines. A `…Time` that is a time becomes
 * "a time", and a `duration` that is one "a duration", so that an answer can be compared with a literal.
 */
export function messagesIn(output: string): unknown[] {
  const texts = output.split(/(?<=^(?:\}|\{\}))\n/m).filter((part) => part.trim() !== "");
  return texts.map((part) => JSON.parse(part, withoutTimes) as unknown);
}

function withoutTimes(key: string, value: unknown): unknown {
  if (key.endsWith("Time") && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/.test(String(value))) return "a time";
  if (key === "duration" && /^\d+(\.\d+)?s$/.test(String(value))) return "a duration";
  return value;
}

/** What a tool did, for the message of an error. */
export function told(rpc: string, request: object, { stdout, stderr }: { stdout: string; stderr: string }): string {
  return `${rpc} ${inspect(request)}:\n${stdout}${stderr}`;
}
