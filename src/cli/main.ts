// Where the `docdb` command starts. What was compiled is kept in the user's cache directory, which halves the time that
// the next start takes.

import { enableCompileCache } from "node:module";
import { homedir } from "node:os";
import { join } from "node:path";

// NODE_COMPILE_CACHE and NODE_DISABLE_COMPILE_CACHE come first. Where nothing can be written it does without.
const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
enableCompileCache(join(cache, "docdb"));

const { run } = await import("./program.ts");
await run(process.argv.slice(2));
