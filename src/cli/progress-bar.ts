// One line on a terminal that shows how far a long command has got. On anything but a terminal it draws nothing.

import { styleText } from "node:util";

/** Milliseconds between two drawings: often enough to look alive, seldom enough to cost nothing. */
const redrawMs = 100;
const width = 24;

export class ProgressBar {
  readonly #stream: NodeJS.WriteStream;
  readonly #shown: boolean;
  readonly #startMs = performance.now();
  #drawnMs = 0;

  constructor(stream: NodeJS.WriteStream, wanted: boolean) {
    this.#stream = stream;
    this.#shown = wanted && stream.isTTY;
  }

  /** Shows `count` of whatever is counted; `part` (0 to 1) is how much is done, undefined when nobody knows. */
  show(count: number, part: number | undefined): void {
    if (!this.#shown) return;
    const nowMs = performance.now();
    if (nowMs - this.#drawnMs < redrawMs) return;
    this.#drawnMs = nowMs;
    const rate = Math.round((count / Math.max(nowMs - this.#startMs, 1)) * 1000);
    const figures = `${count.toLocaleString("en-US")} documents, ${rate.toLocaleString("en-US")} a second`;
    this.#stream.write(`\r${part === undefined ? "" : this.#bar(part)}${figures}\u001b[K`);
  }

  /** Takes the line away, so that something else can be written. */
  clear(): void {
    if (this.#shown && this.#drawnMs > 0) this.#stream.write("\r\u001b[K");
    this.#drawnMs = 0;
  }

  #bar(part: number): string {
    const done = Math.floor(Math.min(part, 1) * width);
    const bar = "█".repeat(done) + "░".repeat(width - done);
    return `${styleText("cyan", bar, { stream: this.#stream })} ${String(Math.floor(part * 100)).padStart(3)} %  `;
  }
}
