// Tells the demo's story, with the time each step took.

const startMs = performance.now();

/** Starts a chapter. */
export function chapter(title: string): void {
  console.log(`\n${sinceStart()}  ${title}`);
}

/** Says something about the chapter under way. */
export function tell(text: string): void {
  console.log(`         ${text}`);
}

/** Does something, and tells how long it took and what `summary` makes of its result and the seconds. */
export async function timed<Result>(
  work: () => Promise<Result>,
  summary: (result: Result, seconds: number) => string,
): Promise<Result> {
  const fromMs = performance.now();
  const result = await work();
  const seconds = (performance.now() - fromMs) / 1000;
  tell(
    `${summary(result, seconds)} [${seconds < 1 ? `${(seconds * 1000).toFixed(1)} ms` : `${seconds.toFixed(2)} s`}]`,
  );
  return result;
}

/** 171075 as `171,075`. */
export function figure(count: number): string {
  return Math.round(count).toLocaleString("en-US");
}

function sinceStart(): string {
  return `[${((performance.now() - startMs) / 1000).toFixed(1).padStart(5)} s]`;
}
