// A bare grpc-js server that sends back what it gets: what gRPC costs when there is no database behind it.
//     node echo-server.ts <socket>

import { Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import { echoMethods } from "./echo-methods.ts";

const socket = process.argv[2] ?? "";
const implementation: UntypedServiceImplementation = {
  unary: (call: { readonly request: Buffer }, answer: (error: null, response: Buffer) => void) =>
    answer(null, call.request),
  stream: (call: NodeJS.ReadWriteStream) => {
    call.on("data", (message: Buffer) => call.write(message));
    call.on("end", () => call.end());
  },
};

const server = new Server();
server.addService(echoMethods, implementation);
server.bindAsync(`unix:${socket}`, ServerCredentials.createInsecure(), (error) => {
  if (error !== null) throw error;
});
