// npm run proto:accept: makes the protocol of today the one that `npm run check` guards against breaking changes. Run
// it when a change has landed that every client must be able to rely on from now on.

import { runOrThrow } from "./run.ts";

const baseline = "proto/baseline.binpb";

await runOrThrow("buf", ["build", "--path", "proto/docdb", "--exclude-source-info", "-o", baseline]);
console.log(`${baseline} is now the protocol of proto/docdb.`);
