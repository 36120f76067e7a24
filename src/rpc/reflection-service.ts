// grpc.reflection.v1 and v1alpha, which differ in their package only: how grpcurl and buf curl learn our protocol.
//
// Our own, because @grpc/reflection 1.0.4 answers wrongly for files with map fields or imports of well-known types.
// What isn't found is an answer like any other, and the stream goes on. Files come with all that they import: a client
// that wants only the first one takes only that.
// https://github.com/grpc/grpc/blob/master/doc/server-reflection.md

import { status } from "@grpc/grpc-js";
import type {
  ServerReflectionRequest,
  ServerReflectionResponse,
  ServerReflectionService,
} from "../../gen/grpc/reflection/v1/reflection.ts";
import type { DescriptorIndex } from "./descriptor-index.ts";
import type { Handlers } from "./service.ts";

type Answer = ServerReflectionResponse["messageResponse"];

/** Answers from an index that is made on first use: most servers are never asked. */
export function reflectionService(index: () => Promise<DescriptorIndex>): Handlers<typeof ServerReflectionService> {
  return {
    async *serverReflectionInfo(requests) {
      for await (const request of requests) {
        const messageResponse = answer(await index(), request.messageRequest);
        yield { validHost: request.host, originalRequest: request, messageResponse };
      }
    },
  };
}

function answer(index: DescriptorIndex, request: ServerReflectionRequest["messageRequest"]): Answer {
  switch (request?.$case) {
    case "listServices":
      return { $case: "listServicesResponse", value: { service: index.services.map((name) => ({ name })) } };
    case "fileByFilename":
      return file(index, request.value, `file ${quoted(request.value)}`);
    case "fileContainingSymbol":
      return file(index, index.fileOfSymbol(request.value), `symbol ${quoted(request.value)}`);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = request.value;
      const name = index.fileOfExtension(containingType, extensionNumber);
      return file(index, name, `extension ${extensionNumber} of ${quoted(containingType)}`);
    }
    case "allExtensionNumbersOfType": {
      const extensionNumber = index.extensionsOf(request.value);
      if (extensionNumber === undefined) return notFound(`message ${quoted(request.value)}`);
      return { $case: "allExtensionNumbersResponse", value: { baseTypeName: request.value, extensionNumber } };
    }
    case undefined:
      return failure(status.INVALID_ARGUMENT, "The request asks for nothing.");
  }
}

function file(index: DescriptorIndex, name: string | undefined, what: string): Answer {
  const fileDescriptorProto = name === undefined ? undefined : index.file(name);
  if (fileDescriptorProto === undefined) return notFound(what);
  return { $case: "fileDescriptorResponse", value: { fileDescriptorProto } };
}

function notFound(what: string): Answer {
  return failure(status.NOT_FOUND, `This server knows no ${what}.`);
}

function failure(errorCode: status, errorMessage: string): Answer {
  return { $case: "errorResponse", value: { errorCode, errorMessage } };
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 200));
}
