// Keeps the tree tidy: layers, cycles, sizes, names, and what must not be left behind. Each failure names the file, the
// line where there is one, and the rule.

import test, { type ExecutionContext } from "ava";
import {
  importCycles,
  importsOf,
  readSourceFiles,
  readText,
  type SourceFile,
  topLevelNames,
  withoutComments,
} from "../scripts/source-tree.ts";
import { wrapComments } from "../scripts/wrap-comments.ts";

/**
 * The layers of src/, and which of them each may import: those below it, as ARCHITECTURE.md draws them. `gen` is the
 * generated code; `gen/wire` is the form of it that is made for the server.
 */
const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  telemetry: ["base"],
  platform: ["base", "telemetry"],
  storage: ["base", "telemetry", "platform"],
  engine: ["base", "telemetry", "platform", "storage"],
  scheduler: ["base", "telemetry", "platform", "engine"],
  rpc: ["base", "telemetry", "platform", "engine", "scheduler", "gen", "gen/wire"],
  observability: ["base", "telemetry", "platform", "engine", "rpc"],
  server: [
    "base",
    "telemetry",
    "platform",
    "storage",
    "engine",
    "scheduler",
    "rpc",
    "observability",
    "gen",
    "gen/wire",
  ],
  offline: ["base", "telemetry", "platform", "storage", "engine"],
  client: ["base", "telemetry", "gen"],
  cli: ["base", "telemetry", "client", "server", "offline", "gen"],
};

/** Layers that run on simulated machines too: what they need of the world comes through `platform/`. */
const simulated = ["base", "storage", "engine", "scheduler"];
/** What Node.js offers that neither reads the world nor changes it. */
const pureModules = ["node:assert", "node:buffer", "node:events", "node:path", "node:util", "node:zlib"];

/** Layers that know npm packages, and which. All others use none. */
const packages: Readonly<Record<string, readonly RegExp[]>> = {
  rpc: [/^@grpc\//, /^@bufbuild\/protobuf/],
  server: [/^@grpc\//, /^commander$/],
  observability: [/^@opentelemetry\//, /^pino(-pretty)?$/],
  client: [/^@grpc\//, /^@bufbuild\/protobuf/, /^@opentelemetry\/api$/],
  cli: [/./],
};

const topLevel = new Set(
  `.ci .dockerignore .git .gitattributes .gitignore .npmrc .oxlintrc.json ARCHITECTURE.md CHANGELOG.md
  CONTRIBUTING.md Dockerfile LICENSE README.md bench biome.json bin buf.gen.yaml buf.yaml demo deploy dist
  docker-compose.yml docs examples gen node_modules package-lock.json package.json proto scripts src test
  tsconfig.build.json tsconfig.json`.split(/\s+/),
);

const maxLines = 350;
const maxColumns = 120;

const sources = readSourceFiles(["src"], [".ts"]);
const code = readSourceFiles(["src", "test", "scripts", "demo", "examples", "bench", "bin"], [".ts", ".js"]);

test("layers import only what is below them", (t) => {
  const problems = sources.flatMap((file) => {
    const layer = layerOf(file.path);
    const allowed = layers[layer];
    if (allowed === undefined) return [`${file.path} is in no layer: src/ has ${Object.keys(layers).join(", ")}`];
    return file.imports.flatMap((imported) => {
      if (imported.file === undefined) return [];
      const target = layerOf(imported.file);
      if (target === layer || allowed.includes(target)) return [];
      return [`${file.path} imports ${imported.file}: ${layer} may import ${allowed.join(", ") || "no other layer"}`];
    });
  });
  none(t, problems);
});

test("only the layers at the edge use npm packages", (t) => {
  const problems = sources.flatMap((file) => {
    const known = packages[layerOf(file.path)] ?? [];
    const foreign = file.imports.filter(({ specifier }) => !/^(\.|node:)/.test(specifier));
    const unknown = foreign.filter(({ specifier }) => !known.some((name) => name.test(specifier)));
    return unknown.map(({ specifier }) => `${file.path} imports ${specifier}, which its layer must not know`);
  });
  none(t, problems);
});

test("I/O, time and randomness come through platform/ only", (t) => {
  const clocks =
    /\b(Date\.now|new Date\(\)|performance\.now|process\.\w+|set(Timeout|Interval|Immediate)\(|Math\.random|fetch\()/;
  const problems = sources
    .filter((file) => simulated.includes(layerOf(file.path)))
    .flatMap((file) => {
      const modules = file.imports.filter(({ specifier }) => specifier.startsWith("node:"));
      const impure = modules.filter(({ specifier }) => !pureModules.includes(specifier.replace(/\/\w+$/, "")));
      const imports = impure.map(({ specifier }) => `${file.path} imports ${specifier}: use platform/`);
      return [
        ...imports,
        ...linesWith(file, clocks, "takes from the machine what platform/ must give", withoutComments),
      ];
    });
  none(t, problems);
});

test("imports make no cycles", (t) => {
  none(
    t,
    importCycles(code).map((cycle) => cycle.join(" -> ")),
  );
});

test(`files of src/ have at most ${maxLines} lines`, (t) => {
  const counts = sources.map((file) => ({ path: file.path, lines: file.text.trimEnd().split("\n").length }));
  const long = counts.filter(({ lines }) => lines > maxLines);
  none(
    t,
    long.map(({ path, lines }) => `${path} has ${lines} lines: split it into ideas`),
  );
});

test(`lines have at most ${maxColumns} characters`, (t) => {
  const protocol = readSourceFiles(["proto"], [".proto"]);
  const long = new RegExp(`^(?!.*https?://).{${maxColumns + 1},}$`);
  none(
    t,
    [...code, ...protocol].flatMap((file) =>
      linesWith(file, long, `is longer than ${maxColumns} characters: npm run format, or break it`),
    ),
  );
});

test("names are kebab-case and say what a file is about", (t) => {
  const kebab = /^[a-z0-9]+(-[a-z0-9]+)*$/;
  const empty = /(^|-)(utils?|helpers?|managers?|common|misc|stuff)($|-)/;
  const problems = code.flatMap(({ path }) => {
    const words = path.split("/").map((part) => part.replace(/(\.test)?\.(ts|js)$/, ""));
    const wrong = words.filter((word) => !kebab.test(word)).map((word) => `${path}: ${word} isn't kebab-case`);
    const vague = words
      .filter((word) => empty.test(word))
      .map((word) => `${path}: ${word} says nothing: name the idea`);
    return [...wrong, ...vague];
  });
  none(t, problems);
});

test("nothing unfinished is left behind", (t) => {
  // The brackets keep this file from finding itself.
  const unfinished = /\b(TOD[O]|FIXM[E]|XX[X]|HAC[K])\b/;
  const leftover = /^\s*debugge[r]\b|\btest(\.\w+)*\.onl[y]\b/;
  const problems = code.flatMap((file) => [
    ...linesWith(file, unfinished, "marks unfinished work: finish it, or open an issue"),
    ...linesWith(file, leftover, "was left from debugging"),
  ]);
  none(t, problems);
});

test("only the command line writes to the console", (t) => {
  const silent = sources.filter((file) => layerOf(file.path) !== "cli");
  none(
    t,
    silent.flatMap((file) => linesWith(file, /\bconsole\.\w+\(/, "writes to the console", withoutComments)),
  );
});

test("every file with tests is one that ava runs", (t) => {
  const stray = code.filter(({ path, text }) => /^import test\b/m.test(text) && !/^test\/.*\.test\.ts$/.test(path));
  none(
    t,
    stray.map(({ path }) => `${path} has tests, but ava runs only test/**/*.test.ts`),
  );
});

test("nothing stray lies at the top of the repository", (t) => {
  const stray = topLevelNames().filter((name) => !topLevel.has(name) && !name.endsWith(".tgz"));
  none(
    t,
    stray.map((name) => `${name} doesn't belong at the top: find it a place, or list it in test/tidy.test.ts`),
  );
});

test("docs/dependencies.md gives the reason for each dependency, and for nothing else", (t) => {
  const { dependencies, devDependencies } = JSON.parse(readText("package.json")) as Record<string, object>;
  const wanted = Object.keys({ ...dependencies, ...devDependencies });
  const explained = [...readText("docs/dependencies.md").matchAll(/^\| `([^`]+)` \|/gm)].map((match) => match[1] ?? "");
  const missing = wanted.filter((name) => !explained.includes(name)).map((name) => `${name} has no reason`);
  const gone = explained.filter((name) => !wanted.includes(name)).map((name) => `${name} isn't a dependency any more`);
  none(t, [...missing, ...gone]);
});

test("docs/operations.md says what to do about each alert, and about no other", (t) => {
  const alerts = [...readText("deploy/alerts.yml").matchAll(/^ +- alert: (\w+)$/gm)].map((match) => match[1] ?? "");
  const explained = [...readText("docs/operations.md").matchAll(/^### (DocDB\w+)$/gm)].map((match) => match[1] ?? "");
  t.deepEqual([...explained].sort(), [...alerts].sort());
});

test("the import scanner sees every form of import", (t) => {
  const text = [
    'import { a } from "./a.ts";',
    'import type { B } from "../b.ts";',
    "import {",
    "  c,",
    '} from "node:c";',
    'export { d } from "./d.ts";',
    'import "e";',
    'const f = await import("./f.ts");',
    '// import { g } from "./g.ts";',
  ].join("\n");
  const found = importsOf("src/x/y.ts", text).map(({ specifier, file }) => file ?? specifier);
  t.deepEqual(found.toSorted(), ["e", "node:c", "src/b.ts", "src/x/a.ts", "src/x/d.ts", "src/x/f.ts"]);
});

test("the cycle finder finds a cycle", (t) => {
  const file = (path: string, target: string): SourceFile => ({
    path,
    text: "",
    imports: [{ specifier: target, file: target }],
  });
  t.deepEqual(importCycles([file("a", "b"), file("b", "c"), file("c", "b")]), [["b", "c", "b"]]);
});

test("a comment that is too long continues at the start of the next line of its paragraph", (t) => {
  const word = "x".repeat(58);
  t.is(wrapComments(`  // ${word} ${word} y\n  // z`), `  // ${word}\n  // ${word} y z`);
  t.is(wrapComments(`// - ${word} ${word} y\n// - z`), `// - ${word}\n//   ${word} y\n// - z`);
  t.is(wrapComments(`/** ${word} ${word} */\nf();`), `/**\n * ${word} ${word}\n */\nf();`);
});

/** The layer of a path: `src/engine/commands.ts` is in `engine`, `gen/wire/…` in `gen/wire`. */
function layerOf(path: string): string {
  if (path.startsWith("gen/")) return path.startsWith("gen/wire/") ? "gen/wire" : "gen";
  return path.split("/")[1] ?? path;
}

/** A problem for each line of a file that matches. */
function linesWith(
  file: SourceFile,
  pattern: RegExp,
  problem: string,
  prepare: (text: string) => string = (text) => text,
): string[] {
  const lines = prepare(file.text).split("\n");
  return lines.flatMap((line, i) => (pattern.test(line) ? [`${file.path}:${i + 1} ${problem}`] : []));
}

/** Fails with the whole list of problems. */
function none(t: ExecutionContext, problems: readonly string[]): void {
  const shown = problems.length > 25 ? [...problems.slice(0, 25), `and ${problems.length - 25} more`] : problems;
  if (problems.length === 0) t.pass();
  else t.fail(`\n${shown.join("\n")}`);
}
