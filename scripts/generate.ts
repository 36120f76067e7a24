// Makes everything in gen/ from the .proto files: TypeScript by the plugins that buf.gen.yaml names, and
// descriptors.binpb, a FileDescriptorSet of all that the server speaks, which its reflection service hands out.

import { mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { runOrThrow } from "./run.ts";

/** What the server speaks, as paths for buf; the same list stands in buf.gen.yaml. */
const served = [
  "proto/docdb",
  "node_modules/google-proto-files/google/rpc/status.proto",
  "node_modules/google-proto-files/google/rpc/error_details.proto",
  "node_modules/grpc-health-check/proto/health",
  "node_modules/@grpc/reflection/build/proto/grpc",
];

/** Generates everything anew, in memory: file contents by path below gen/. The same sources give the same bytes. */
export async function generate(): Promise<Map<string, Buffer>> {
  const directory = await mkdtemp(join(tmpdir(), "docdb-gen-"));
  try {
    const descriptors = join(directory, "gen", "descriptors.binpb");
    await runOrThrow("buf", ["generate", "-o", directory]);
    const paths = served.flatMap((path) => ["--path", path]);
    await runOrThrow("buf", ["build", "--as-file-descriptor-set", ...paths, "-o", descriptors]);
    await writeFile(descriptors, keepOurComments(await readFile(descriptors)));
    return await readTree(join(directory, "gen"));
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Every file below a directory: contents by path with `/`, sorted. Empty when there is no such directory. */
export async function readTree(directory: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const tree = new Map<string, Buffer>();
  for (const file of files.toSorted()) {
    tree.set(file.slice(directory.length + 1).replaceAll("\\", "/"), await readFile(file));
  }
  return tree;
}

// Source positions would make the set five times as big. Comments of our own files stay: `grpcurl describe` prints
// them.
function keepOurComments(bytes: Uint8Array): Uint8Array {
  const set = fromBinary(FileDescriptorSetSchema, bytes);
  for (const file of set.file) {
    if (file.sourceCodeInfo === undefined) continue;
    const locations = file.package.startsWith("docdb.") ? file.sourceCodeInfo.location : [];
    file.sourceCodeInfo.location = locations.filter((location) => location.leadingComments !== "");
  }
  return toBinary(FileDescriptorSetSchema, set);
}
