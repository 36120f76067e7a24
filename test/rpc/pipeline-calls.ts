// A pipeline as a client sees it that does everything by hand: messages out, replies in.

import {
  type Client,
  type ClientDuplexStream,
  Metadata,
  type ServiceError,
  status,
  type StatusObject,
} from "@grpc/grpc-js";
import {
  DocumentServiceService,
  type PipelineCall,
  type PipelineReply,
  PipelineRequest,
  PipelineResponse,
} from "../../gen/docdb/v1/document.ts";
import { decodeFailure, type Failure, failureIn, rawMethod } from "./calls.ts";

type Request = NonNullable<PipelineCall["request"]>;

/** How a reply ended: the name of the RPC, or the failure. */
export type Answer = { readonly ok: PipelineReply["response"] } | { readonly failure: Failure };

export class PipelineCaller {
  readonly stream: ClientDuplexStream<Buffer, Buffer>;
  /** Replies in the order in which they came. */
  readonly replies: PipelineReply[] = [];
  /** Messages that brought them. */
  messages = 0;
  /** Resolves when the stream ends: to the failure that the server told, or to undefined. */
  readonly ended: Promise<Failure | undefined>;
  #onReply: (() => void) | undefined;
  #lastId = 0;

  constructor(client: Client, metadata: Metadata = new Metadata()) {
    const { path, requestSerialize, responseDeserialize } = rawMethod(DocumentServiceService.pipeline.path);
    this.stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata);
    this.stream.on("data", (message: Buffer) => {
      const { replies } = PipelineResponse.decode(message);
      this.messages++;
      this.replies.push(...replies);
      this.#onReply?.();
    });
    this.ended = new Promise((resolve) => {
      this.stream.on("error", (error: ServiceError) => {
        const told = error.metadata.get("grpc-status-details-bin").length > 0;
        resolve(told ? decodeFailure(error) : undefined);
      });
      this.stream.on("status", (end: StatusObject) => {
        if (end.code === status.OK) resolve(undefined);
      });
    });
  }

  /** Sends calls in one message; returns their ids. */
  send(requests: readonly (Request | undefined)[], timeoutMs = 0, traceparent = ""): bigint[] {
    const calls = requests.map((request) => ({ callId: BigInt(++this.#lastId), request, timeoutMs, traceparent }));
    this.stream.write(Buffer.from(PipelineRequest.encode({ calls }).finish()));
    return calls.map((call) => call.callId);
  }

  /** Waits for the replies to these calls, and returns them in the order of the calls. */
  async answers(ids: readonly bigint[]): Promise<Answer[]> {
    for (;;) {
      const replies = ids.map((id) => this.replies.find((reply) => reply.callId === id));
      if (!replies.includes(undefined)) return replies.map((reply) => answerOf(reply as PipelineReply));
      await new Promise<void>((resolve) => {
        this.#onReply = resolve;
      });
    }
  }

  /** Sends calls in one message and waits for their replies. */
  call(...requests: readonly (Request | undefined)[]): Promise<Answer[]> {
    return this.answers(this.send(requests));
  }
}

function answerOf({ response }: PipelineReply): Answer {
  return response?.$case === "error" ? { failure: failureIn(response.value) } : { ok: response };
}

const address = { database: "d", collection: "", transactionId: "" };
const mutation = { ...address, requestId: "", precondition: undefined };

export function createCall(id: bigint, json: string, more: { readonly database?: string } = {}): Request {
  return { $case: "createDocument", value: { ...mutation, id, json, ...more } };
}

export function updateCall(id: bigint, json: string): Request {
  return { $case: "updateDocument", value: { ...mutation, id, json, allowMissing: false } };
}

export function deleteCall(id: bigint): Request {
  return { $case: "deleteDocument", value: { ...mutation, id, allowMissing: false } };
}

export function getCall(id: bigint, more: { readonly database?: string } = {}): Request {
  return { $case: "getDocument", value: { ...address, id, ...more } };
}

export function listCall(): Request {
  return { $case: "listDocuments", value: { ...address, pageSize: 0, pageToken: "" } };
}

/** What a get or a list found, as JSON texts; the reason when it failed. */
export function found(answer: Answer | undefined): string {
  if (answer === undefined) return "no answer";
  if ("failure" in answer) return answer.failure.reason;
  if (answer.ok?.$case === "getDocument") return answer.ok.value.document?.json ?? "";
  if (answer.ok?.$case === "listDocuments") return answer.ok.value.documents.map(({ json }) => json).join(" ");
  return answer.ok?.$case ?? "";
}
