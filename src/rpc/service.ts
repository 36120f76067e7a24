// Puts the handlers of a service behind the wrappers and gives them to grpc-js. The types see to it that every method
// of the generated definition has a handler of its own kind.

import type { Server, ServiceDefinition, UntypedServiceImplementation } from "@grpc/grpc-js";
import type { CallEnvironment } from "./call-context.ts";
import type { Method } from "./method.ts";
import { type BidiStreamHandler, bidiStreamCall, type ServerStreamHandler, serverStreamCall } from "./stream-call.ts";
import { unaryCall, type UnaryHandler } from "./unary-call.ts";

/** A generated service definition. */
export type Service = Readonly<Record<string, Method<unknown, never>>>;

/** The handler that a method of a generated definition needs. */
export type Handler<M> = M extends {
  readonly requestStream: infer RequestStream;
  readonly responseStream: infer ResponseStream;
  readonly requestDeserialize: (bytes: Buffer) => infer Request;
  readonly responseSerialize: (message: infer Response) => Buffer;
}
  ? [RequestStream, ResponseStream] extends [false, false]
    ? UnaryHandler<Request, Response>
    : [RequestStream, ResponseStream] extends [false, true]
      ? ServerStreamHandler<Request, Response>
      : BidiStreamHandler<Request, Response>
  : never;

/** One handler for each method of a service. */
export type Handlers<S> = { readonly [K in keyof S]: Handler<S[K]> };

/** Whether calls of the service are work, which a shutdown finishes and a starting server refuses. */
export type ServiceKind = "work" | "watch";

/** Adds a service to the server. */
export function addService<S extends Readonly<Record<keyof S, Method<unknown, never>>>>(
  server: Server,
  environment: CallEnvironment,
  service: S,
  handlers: Handlers<NoInfer<S>>,
  kind: ServiceKind = "work",
): void {
  const definition: Record<string, ServiceDefinition[string]> = {};
  const implementation: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries<Method<unknown, never>>(service)) {
    const { path, requestStream, responseStream } = method;
    const [requestSerialize, responseDeserialize] = [asIs, asIs];
    const codec = { requestSerialize, requestDeserialize: asIs, responseSerialize: asIs, responseDeserialize };
    definition[name] = { path, requestStream, responseStream, ...codec };
    implementation[name] = wrapped(environment, method, handlers[name as keyof S], kind);
  }
  server.addService(definition, implementation);
}

function wrapped<Request, Response>(
  environment: CallEnvironment,
  method: Method<Request, Response>,
  handler: unknown,
  kind: ServiceKind,
): UntypedServiceImplementation[string] {
  if (method.requestStream) {
    const streamKind = kind === "work" ? "stream" : kind;
    return bidiStreamCall(environment, method, handler as BidiStreamHandler<Request, Response>, streamKind);
  }
  if (method.responseStream) {
    const streamKind = kind === "work" ? "stream" : kind;
    return serverStreamCall(environment, method, handler as ServerStreamHandler<Request, Response>, streamKind);
  }
  return unaryCall(environment, method, handler as UnaryHandler<Request, Response>, kind);
}

function asIs(bytes: Buffer): Buffer {
  return bytes;
}
