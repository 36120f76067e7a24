// A DocDBError as it travels: the gRPC status with google.rpc details in the `grpc-status-details-bin` trailer.
// https://google.aip.dev/193 and google/rpc/error_details.proto

import { Metadata, status } from "@grpc/grpc-js";
import { ErrorInfo, RetryInfo } from "../../gen/google/rpc/error_details.ts";
import { Status } from "../../gen/google/rpc/status.ts";
import type { DocDBError } from "../base/errors.ts";
import { durationOf } from "./times.ts";

/** What grpc-js sends as the end of a call. */
export interface GrpcStatus {
  readonly code: status;
  readonly details: string;
  readonly metadata: Metadata;
}

/** The domain of every `ErrorInfo`. */
const errorDomain = "docdb";

/**
 * Characters of a message that are sent. The message goes out twice, percent-encoded once, and clients accept 8 KiB of
 * headers.
 */
const messageCharacters = 500;

/** The error as google.rpc.Status, for results that fail alone inside a response. */
export function rpcStatusOf(error: DocDBError): Status {
  const info = ErrorInfo.create({ reason: error.code, domain: errorDomain, metadata: { ...error.metadata } });
  const details = [{ typeUrl: typeUrl("ErrorInfo"), value: ErrorInfo.encode(info).finish() }];
  if (error.retryAfterMs !== undefined) {
    const retry = RetryInfo.create({ retryDelay: durationOf(error.retryAfterMs) });
    details.push({ typeUrl: typeUrl("RetryInfo"), value: RetryInfo.encode(retry).finish() });
  }
  return { code: status[error.status], message: sendable(error.message), details };
}

/** The error as the status of a call. */
export function grpcStatusOf(error: DocDBError): GrpcStatus {
  const rpcStatus = rpcStatusOf(error);
  const metadata = new Metadata();
  metadata.set("grpc-status-details-bin", Buffer.from(Status.encode(rpcStatus).finish()));
  return { code: status[error.status], details: rpcStatus.message, metadata };
}

function typeUrl(message: string): string {
  return `type.googleapis.com/google.rpc.${message}`;
}

/** Shortened, and without lone surrogates, which grpc-js can't encode. */
function sendable(message: string): string {
  const short = message.length > messageCharacters ? `${message.slice(0, messageCharacters)}…` : message;
  return short.toWellFormed();
}
