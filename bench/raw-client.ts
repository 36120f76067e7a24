// One connection that repeats nothing, so that a benchmark sees each answer of the server: pipelining or call by call.

import { Client, credentials, Metadata, type ServiceError } from "@grpc/grpc-js";
import { DocumentServiceService as Rpcs } from "../gen/docdb/v1/document.ts";
import { type CallFacts, callError } from "../src/client/call-error.ts";
import { Pipeline } from "../src/client/pipeline.ts";
import { encodable, pipelinedRpcs, type Rpc } from "../src/client/pipeline-encoding.ts";

export interface Target {
  readonly socket: string;
  readonly database: string;
  readonly pipeline: boolean;
}

export interface RawClient {
  get(id: number, deadlineMs: number): Promise<unknown>;
  create(text: string, deadlineMs: number): Promise<unknown>;
  /** Replaces one member of a document. */
  patch(id: number, text: string, deadlineMs: number): Promise<unknown>;
  close(): void;
}

const options = {
  "grpc.enable_retries": 0,
  "grpc.service_config_disable_resolution": 1,
  "grpc.use_local_subchannel_pool": 1,
  "grpc.enable_channelz": 0,
  "grpc.max_receive_message_length": -1,
};

export function rawClient({ socket, database, pipeline: pipelining }: Target): RawClient {
  const client = new Client(`unix:${socket}`, credentials.createInsecure(), options);
  const { path } = Rpcs.pipeline;
  const open = () => client.makeBidiStreamRequest<Buffer, Buffer>(path, asIs, asIs, new Metadata());
  const pipeline = pipelining ? new Pipeline(open) : undefined;

  const call = <Request, Response>(rpc: Rpc<Request, Response>, request: Request, deadlineMs: number) => {
    const deadline = Date.now() + deadlineMs;
    const facts: CallFacts = { kind: "write", method: rpc.path, socket, headers: {} };
    const pipelined = pipelinedRpcs.get(rpc);
    if (pipeline !== undefined && pipelined !== undefined) {
      return pipeline.call(pipelined, encodable(pipelined, request), facts, deadline, undefined);
    }
    return new Promise<unknown>((resolve, reject) => {
      const answer = (error: ServiceError | null, response?: Response): void => {
        if (error === null) resolve(response);
        else reject(callError(error, facts));
      };
      const { requestSerialize, responseDeserialize } = rpc;
      const metadata = new Metadata();
      client.makeUnaryRequest(rpc.path, requestSerialize, responseDeserialize, request, metadata, { deadline }, answer);
    });
  };
  const rest = { database, collection: "", requestId: "", transactionId: "", precondition: undefined };
  return {
    get: (id, deadlineMs) => call(Rpcs.getDocument, { ...rest, id: BigInt(id) }, deadlineMs),
    create: (json, deadlineMs) => call(Rpcs.createDocument, { ...rest, id: 0n, json }, deadlineMs),
    patch: (id, json, deadlineMs) => {
      return call(
        Rpcs.patchDocument,
        { ...rest, id: BigInt(id), operations: [], jsonPatch: "", mergePatch: json },
        deadlineMs,
      );
    },
    close: () => {
      pipeline?.close();
      client.close();
    },
  };
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
