// The two methods of the echo server. Messages are bytes.

import type { MethodDefinition } from "@grpc/grpc-js";

const asIs = (bytes: Buffer): Buffer => bytes;
const codec = {
  requestSerialize: asIs,
  requestDeserialize: asIs,
  responseSerialize: asIs,
  responseDeserialize: asIs,
} as const;

export const echoMethods: Readonly<Record<"unary" | "stream", MethodDefinition<Buffer, Buffer>>> = {
  unary: { path: "/bench.Echo/Unary", requestStream: false, responseStream: false, ...codec },
  stream: { path: "/bench.Echo/Stream", requestStream: true, responseStream: true, ...codec },
};
