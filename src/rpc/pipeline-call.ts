// One call of a pipeline: what its handler works with, and which documents it is about.

import type { PipelineCall as WireCall, WriteOperation } from "../../gen/wire/docdb/v1/document.ts";
import type { Command, CommandName, Result } from "../engine/commands.ts";
import type { OperationMeter } from "../telemetry/call-meters.ts";
import type { WatchedCall } from "../telemetry/call-watch.ts";
import type { CallContext, ProgressWatch } from "./call-context.ts";
import { collectionKey, documentKey, type OrderedCall } from "./document-order.ts";
import type { Response } from "./pipeline-encoding.ts";

/** A request of one of DocumentService's unary RPCs, under that RPC's name. */
export type PipelinedRequest = NonNullable<WireCall["request"]>;

/** What a call needs of its stream. */
export interface PipelineOwner {
  readonly signal: AbortSignal;
  /** Whether nobody reads the stream's replies any more. */
  readonly gone: boolean;
  /** Milliseconds since some start. */
  monotonicMs(): number;
  execute<K extends CommandName>(
    command: Command<K>,
    caller: PipelinedCall,
    watch: ProgressWatch | undefined,
  ): Promise<Result<K>>;
}

const readingRpcs: readonly string[] = ["getDocument", "batchGetDocuments", "listDocuments"];

export class PipelinedCall implements CallContext, OrderedCall {
  readonly callId: number | bigint;
  readonly request: PipelinedRequest;
  /** Bytes of the request. */
  readonly bytes: number;
  readonly watched: WatchedCall;
  readonly mutates: boolean;
  waitsFor = 0;
  keys: readonly number[] | undefined;
  followers: OrderedCall[] | undefined;
  readonly #owner: PipelineOwner;
  /** When it isn't started any more, by the owner's clock. */
  readonly #expiresMs: number;

  constructor(
    owner: PipelineOwner,
    callId: number | bigint,
    request: PipelinedRequest,
    bytes: number,
    expiresMs: number,
    watched: WatchedCall,
  ) {
    this.#owner = owner;
    this.callId = callId;
    this.request = request;
    this.bytes = bytes;
    this.watched = watched;
    this.mutates = !readingRpcs.includes(request.$case);
    this.#expiresMs = expiresMs;
  }

  get signal(): AbortSignal {
    return this.#owner.signal;
  }

  /** Whether it is too late to start the call. */
  get expired(): boolean {
    return this.#expiresMs !== Number.POSITIVE_INFINITY && this.#owner.monotonicMs() >= this.#expiresMs;
  }

  /** Whether nobody waits for the call any more: then it needn't start. */
  get gone(): boolean {
    return this.#owner.gone || this.expired;
  }

  execute<K extends CommandName>(command: Command<K>, watch?: ProgressWatch): Promise<Result<K>> {
    return this.#owner.execute(command, this, watch);
  }
}

/** The RPCs that a pipeline carries. */
export interface PipelinedRpcs {
  /** What a request counts as. */
  readonly operationOf: (request: PipelinedRequest) => OperationMeter;
  /** Runs a request as the unary RPC of its name does, and returns its response under that name. */
  readonly run: (request: PipelinedRequest, call: PipelinedCall) => Promise<Response>;
}

/** The documents that a request is about, each once; undefined when it is about a whole collection. */
export function documentKeysOf(request: PipelinedRequest): readonly number[] | undefined {
  switch (request.$case) {
    case "listDocuments":
      return undefined;
    case "batchGetDocuments": {
      const collection = collectionKey(request.value.collection);
      return [...new Set(request.value.ids.map((id) => documentKey(collection, id)))];
    }
    case "batchWrite":
      return [...new Set(request.value.operations.flatMap(keysOfOperation))];
    default:
      return keysOfOne(request.value);
  }
}

function keysOfOperation({ operation }: WriteOperation): readonly number[] {
  return operation === undefined ? [] : keysOfOne(operation.value);
}

/** None for id 0: a document that has no id yet is nobody else's. */
function keysOfOne({ collection, id }: { readonly collection: string; readonly id: bigint }): readonly number[] {
  return id === 0n ? [] : [documentKey(collectionKey(collection), id)];
}
