// Tables in Markdown, so that a run can be pasted into a document as it is.

export type Cell = string | number | undefined;

export function table(head: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const all = [head, ...rows.map((row) => row.map(shown))];
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${widths.map((width, column) => pad(row[column] ?? "", width, column)).join(" | ")} |`;
  const dashes = widths.map((width, column) => `${"-".repeat(width + 1)}${column === 0 ? "-" : ":"}`);
  const rule = `|${dashes.join("|")}|`;
  return [line(head), rule, ...all.slice(1).map(line)].join("\n");
}

/** The median of some figures, with the least and the greatest of them. */
export function spread(values: readonly number[], digits = 0): string {
  const sorted = [...values].sort((a, b) => a - b);
  const [least, greatest] = [sorted[0] ?? 0, sorted.at(-1) ?? 0];
  return `${rounded(medianOf(values), digits)} (${rounded(least, digits)}..${rounded(greatest, digits)})`;
}

export function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

export function rounded(value: number, digits = 0): string {
  return value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });
}

export function mebibytes(bytes: number): string {
  return rounded(bytes / 1024 / 1024, 1);
}

function shown(cell: Cell): string {
  if (cell === undefined) return "–";
  return typeof cell === "number" ? rounded(cell) : cell;
}

/** The first column is text, the others are figures. */
function pad(text: string, width: number, column: number): string {
  return column === 0 ? text.padEnd(width) : text.padStart(width);
}
