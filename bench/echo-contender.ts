// A bare grpc-js server that sends a document back: each in a unary call, or each in a message of one stream.

import { Client, type ClientDuplexStream, credentials, Metadata } from "@grpc/grpc-js";
import { type Contender, document } from "./contender.ts";
import { echoMethods } from "./echo-methods.ts";

const message = Buffer.from(document);

export function echo(socket: string, streaming: boolean): Contender {
  const client = new Client(`unix:${socket}`, credentials.createInsecure());
  const { path, requestSerialize, responseDeserialize } = echoMethods[streaming ? "stream" : "unary"];
  let stream: ClientDuplexStream<Buffer, Buffer> | undefined;
  const waiting: (() => void)[] = [];
  const streamed = (): Promise<void> => {
    if (stream === undefined) {
      stream = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, new Metadata());
      stream.on("data", () => waiting.shift()?.());
    }
    const open = stream;
    return new Promise((resolve) => {
      waiting.push(resolve);
      open.write(message);
    });
  };
  const unary = (): Promise<void> =>
    new Promise((resolve, reject) => {
      client.makeUnaryRequest(path, requestSerialize, responseDeserialize, message, (error) =>
        error === null ? resolve() : reject(error),
      );
    });
  return {
    load: () => Promise.resolve(),
    get: streaming ? streamed : unary,
    clear: () => Promise.resolve(),
    close: () => {
      stream?.end();
      client.close();
      return Promise.resolve();
    },
  };
}
