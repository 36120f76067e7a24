// DocumentService.Pipeline: many calls on one stream, each run by the handler of the unary RPC of its name.

import { DocumentServiceService } from "../../gen/wire/docdb/v1/document.ts";
import type { DocDBError } from "../base/errors.ts";
import type { OperationMeter } from "../telemetry/call-meters.ts";
import type { CallEnvironment } from "./call-context.ts";
import { noteFailure } from "./defects.ts";
import type { PipelinedCall, PipelinedRequest, PipelinedRpcs } from "./pipeline-call.ts";
import type { Response } from "./pipeline-encoding.ts";
import { PipelineSession } from "./pipeline-session.ts";
import { PipelineTurns } from "./pipeline-turns.ts";
import type { Handlers } from "./service.ts";
import type { BidiStreamHandler } from "./stream-call.ts";

/** The RPCs that a pipeline carries. */
type PipelinedHandlers = Pick<Handlers<typeof DocumentServiceService>, PipelinedRequest["$case"]>;

/** The handler of the RPC. Its messages are bytes: what is in them is decoded and encoded call by call. */
export function pipelineOf(
  environment: CallEnvironment,
  handlers: PipelinedHandlers,
): BidiStreamHandler<Buffer, Buffer> {
  const noteRefusal = (error: DocDBError): void => noteFailure(environment, "Pipeline", error);
  const turns = new PipelineTurns(environment.clock, noteRefusal, environment.memory.account);
  const rpcs = rpcsOf(environment, handlers);
  return async function* pipeline(messages, context): AsyncGenerator<Buffer> {
    const session = new PipelineSession(environment, context, turns, rpcs);
    const { signal } = context;
    signal.addEventListener("abort", () => session.fail(signal.reason));
    context.onDrain = () => session.drain();
    void read(messages, session);
    try {
      for (let message = await session.nextMessage(); message !== undefined; message = await session.nextMessage()) {
        yield message;
      }
    } finally {
      session.end();
    }
  };
}

async function read(messages: AsyncIterable<Buffer>, session: PipelineSession): Promise<void> {
  try {
    for await (const message of messages) await session.take(message);
    session.endInput();
  } catch (error) {
    session.fail(error);
  }
}

function rpcsOf({ watch }: CallEnvironment, handlers: PipelinedHandlers): PipelinedRpcs {
  const operations = new Map<string, OperationMeter>();
  for (const name of Object.keys(handlers) as PipelinedRequest["$case"][]) {
    operations.set(name, watch.operation(DocumentServiceService[name].path.slice(1)));
  }
  const operationOf = ({ $case }: PipelinedRequest): OperationMeter => operations.get($case) as OperationMeter;
  const run = async ({ $case, value }: PipelinedRequest, call: PipelinedCall): Promise<Response> => {
    // The request and the handler have the same name: TypeScript can't follow the pair through the union.
    const handler = handlers[$case] as (request: typeof value, call: PipelinedCall) => Promise<unknown>;
    return { $case, value: await handler(value, call) } as Response;
  };
  return { operationOf, run };
}
