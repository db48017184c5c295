// Counts calls and hits (failures, or slow calls) over the last calls or the last while. Nothing runs in the
// background: a window that was idle forgets what is too old when it is next used.
import { integerBetween, positiveMs } from "./validate.ts";

/** The last `calls` calls, or those of the last `durationMs` milliseconds (counted in ten steps). */
export type WindowOptions =
  | { readonly kind: "count"; readonly calls: number }
  | { readonly kind: "time"; readonly durationMs: number };

export interface SlidingWindow {
  readonly calls: number;
  readonly hits: number;
  record(hit: boolean, nowMs: number): void;
  /** Drops what is too old by now; `record` does so as well. */
  forget(nowMs: number): void;
  clear(): void;
}

/** Whether reading the clock for {@link SlidingWindow.record} can be saved. */
export function needsClock(window: WindowOptions): boolean {
  return window.kind === "time";
}

/** @throws RangeError when a size is out of range. */
export function createSlidingWindow(window: WindowOptions): SlidingWindow {
  return window.kind === "count" ? new CountWindow(window.calls) : new TimeWindow(window.durationMs);
}

/** @throws RangeError when a size is out of range. */
export function checkWindow(option: string, window: WindowOptions): void {
  if (window.kind === "count") integerBetween(`${option}.calls`, window.calls, 1, 1_000_000);
  else positiveMs(`${option}.durationMs`, window.durationMs);
}

class CountWindow implements SlidingWindow {
  readonly #ring: Uint8Array;
  #next = 0;
  calls = 0;
  hits = 0;

  constructor(size: number) {
    this.#ring = new Uint8Array(size);
  }

  record(hit: boolean): void {
    const ring = this.#ring;
    if (this.calls === ring.length) this.hits -= ring[this.#next] ?? 0;
    else this.calls += 1;
    ring[this.#next] = hit ? 1 : 0;
    if (hit) this.hits += 1;
    this.#next = this.#next + 1 === ring.length ? 0 : this.#next + 1;
  }

  forget(): void {}

  clear(): void {
    this.calls = this.hits = this.#next = 0;
  }
}

const steps = 10;

class TimeWindow implements SlidingWindow {
  readonly #stepMs: number;
  readonly #calls = new Float64Array(steps);
  readonly #hits = new Float64Array(steps);
  #step = Number.NEGATIVE_INFINITY;
  calls = 0;
  hits = 0;

  constructor(durationMs: number) {
    this.#stepMs = durationMs / steps;
  }

  record(hit: boolean, nowMs: number): void {
    this.forget(nowMs);
    // A clock that steps back would date a call before the window; it counts as the present.
    const index = mod(this.#step);
    this.#calls[index] = (this.#calls[index] ?? 0) + 1;
    this.calls += 1;
    if (hit) {
      this.#hits[index] = (this.#hits[index] ?? 0) + 1;
      this.hits += 1;
    }
  }

  forget(nowMs: number): void {
    const step = Math.floor(nowMs / this.#stepMs);
    if (step > this.#step) this.#moveTo(step);
  }

  #moveTo(step: number): void {
    if (step - this.#step >= steps) this.clear();
    else
      for (let old = this.#step + 1; old <= step; old += 1) {
        const index = mod(old);
        this.calls -= this.#calls[index] ?? 0;
        this.hits -= this.#hits[index] ?? 0;
        this.#calls[index] = this.#hits[index] = 0;
      }
    this.#step = step;
  }

  clear(): void {
    this.#calls.fill(0);
    this.#hits.fill(0);
    this.calls = this.hits = 0;
  }
}

function mod(step: number): number {
  return ((step % steps) + steps) % steps;
}
