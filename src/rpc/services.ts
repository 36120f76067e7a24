// All services of a server, and which they are.

import type { Server } from "@grpc/grpc-js";
import { CollectionServiceService } from "../../gen/docdb/v1/collection.ts";
import { DatabaseServiceService } from "../../gen/docdb/v1/database.ts";
import { HealingServiceService } from "../../gen/docdb/v1/healing.ts";
import { OperationsServiceService } from "../../gen/docdb/v1/operations.ts";
import { TransactionServiceService } from "../../gen/wire/docdb/v1/transaction.ts";
import { ServerReflectionService } from "../../gen/grpc/reflection/v1/reflection.ts";
import { ServerReflectionService as AlphaReflectionService } from "../../gen/grpc/reflection/v1alpha/reflection.ts";
import { HealthService } from "../../gen/health/v1/health.ts";
import type { CallEnvironment } from "./call-context.ts";
import { collectionService } from "./collection-service.ts";
import { databaseService } from "./database-service.ts";
import type { DescriptorIndex } from "./descriptor-index.ts";
import { documentService, documentServiceDefinition } from "./document-service.ts";
import { healingService } from "./healing-service.ts";
import type { HealthBoard } from "./health-board.ts";
import { healthService } from "./health-service.ts";
import { operationsService } from "./operations-service.ts";
import { reflectionService } from "./reflection-service.ts";
import { addService } from "./service.ts";
import { transactionService } from "./transaction-service.ts";

/** The services of our own, whose health is reported. */
export const docdbServices: readonly string[] = [
  "docdb.v1.CollectionService",
  "docdb.v1.DatabaseService",
  "docdb.v1.DocumentService",
  "docdb.v1.HealingService",
  "docdb.v1.OperationsService",
  "docdb.v1.TransactionService",
];

/** Paths of the methods whose requests are streams. */
export const streamingPaths: ReadonlySet<string> = new Set([
  documentServiceDefinition.pipeline.path,
  ServerReflectionService.serverReflectionInfo.path,
  AlphaReflectionService.serverReflectionInfo.path,
]);

/** Adds every service to the server. `descriptors` loads the encoded FileDescriptorSet that reflection serves. */
export function addServices(
  server: Server,
  environment: CallEnvironment,
  health: HealthBoard,
  descriptors: () => Promise<Uint8Array>,
): void {
  addService(server, environment, DatabaseServiceService, databaseService);
  addService(server, environment, CollectionServiceService, collectionService);
  addService(server, environment, documentServiceDefinition, documentService(environment));
  addService(server, environment, TransactionServiceService, transactionService);
  addService(server, environment, HealingServiceService, healingService(environment));
  addService(server, environment, OperationsServiceService, operationsService(environment));
  addService(server, environment, HealthService, healthService(health), "watch");
  const reflection = reflectionService(once(() => loadIndex(descriptors)));
  addService(server, environment, ServerReflectionService, reflection, "watch");
  addService(server, environment, AlphaReflectionService, reflection, "watch");
}

/** The parser of descriptors costs a start as much as everything else together, so it is loaded when it is needed. */
async function loadIndex(descriptors: () => Promise<Uint8Array>): Promise<DescriptorIndex> {
  const [{ DescriptorIndex }, bytes] = await Promise.all([import("./descriptor-index.ts"), descriptors()]);
  return new DescriptorIndex(bytes);
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
