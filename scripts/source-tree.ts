// Reads the repository's own files for the tidiness test: their lines, and what each of them imports. Imports are found
// by regular expressions, since the formatter leaves only a few forms of them.

import { readdirSync, readFileSync } from "node:fs";
import { dirname, join, posix } from "node:path";

export interface SourceFile {
  /** Path from the repository's root, with `/`. */
  readonly path: string;
  readonly text: string;
  readonly imports: readonly Import[];
}

export interface Import {
  /** As it is written: `./errors.ts`, `node:fs`, `@grpc/grpc-js`. */
  readonly specifier: string;
  /** For a relative import, the file's path from the repository's root. */
  readonly file: string | undefined;
}

const root = dirname(import.meta.dirname);
const ignored = new Set(["node_modules", "dist", "gen", ".git"]);

/**
 * All of the repository's own files below these directories that have one of these endings, in the order of their
 * paths.
 */
export function readSourceFiles(directories: readonly string[], endings: readonly string[]): SourceFile[] {
  const paths = directories
    .flatMap((directory) => walk(directory))
    .filter((path) => endings.some((e) => path.endsWith(e)));
  return paths.toSorted().map((path) => {
    const text = readFileSync(join(root, path), "utf8");
    return { path, text, imports: importsOf(path, text) };
  });
}

/** What a file imports or re-exports, for types alone included. */
export function importsOf(path: string, text: string): Import[] {
  const forms = [
    /^(?:import|export)\s[^;"]*?\sfrom\s+"([^"]+)"/gm,
    /^import\s+"([^"]+)"/gm,
    /\bimport\(\s*"([^"]+)"\s*\)/g,
    /\bimport\.meta\.resolve\(\s*"([^"]+)"\s*\)/g,
  ];
  const specifiers = forms.flatMap((form) => [...text.matchAll(form)].map((match) => match[1] ?? ""));
  return specifiers.map((specifier) => {
    const relative = specifier.startsWith(".");
    return { specifier, file: relative ? posix.join(posix.dirname(path), specifier) : undefined };
  });
}

/** The cycles among these files, each as the path that leads back to its start. One for each file that closes one. */
export function importCycles(files: readonly SourceFile[]): string[][] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const finished = new Set<string>();
  const trail: string[] = [];
  const cycles: string[][] = [];
  const visit = (path: string): void => {
    const start = trail.indexOf(path);
    if (start >= 0) cycles.push([...trail.slice(start), path]);
    if (start >= 0 || finished.has(path)) return;
    trail.push(path);
    for (const { file } of byPath.get(path)?.imports ?? []) if (file !== undefined) visit(file);
    trail.pop();
    finished.add(path);
  };
  for (const { path } of files) visit(path);
  return cycles;
}

/** A file's text without comments, for rules that concern code only. Line numbers stay. */
export function withoutComments(text: string): string {
  const blank = (comment: string): string => comment.replaceAll(/[^\n]/g, " ");
  return text.replaceAll(/^\s*\/\*[^]*?\*\//gm, blank).replaceAll(/(^|\s)\/\/.*$/gm, blank);
}

/** Names at the top of the repository. */
export function topLevelNames(): string[] {
  return readdirSync(root);
}

/** A file of the repository as text. */
export function readText(path: string): string {
  return readFileSync(join(root, path), "utf8");
}

function walk(directory: string): string[] {
  let entries;
  try {
    entries = readdirSync(join(root, directory), { withFileTypes: true });
  } catch {
    return [];
  }
  return entries.flatMap((entry) => {
    const path = posix.join(directory, entry.name);
    if (entry.isDirectory()) return ignored.has(entry.name) ? [] : walk(path);
    return entry.isFile() ? [path] : [];
  });
}
