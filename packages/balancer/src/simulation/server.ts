// One simulated server: slots that work in parallel, a queue in front of them, and exact integration of the
// remaining work whenever its rate changes.
import type { ServerModel } from "./scenario.ts";

export interface Server {
  /** When the next running job ends; `Infinity` when none will. */
  nextCompletionMs: number;
  /** Running and waiting jobs. */
  readonly load: number;
  readonly hasFreeSlot: boolean;
  /** Factor on the model's speed from now on; 0 stands still. */
  setSpeedFactor(factor: number, nowMs: number): void;
  /** Takes a job with `work` ms at speed 1. */
  accept(job: number, work: number, nowMs: number): void;
  /** Ends the job that is due and returns it. */
  complete(nowMs: number): number;
  /** Drops a job wherever it is. */
  cancel(job: number, nowMs: number): void;
  /** Drops all jobs and returns them. */
  dropAll(nowMs: number): number[];
}

/** Creates an idle server. */
export function createServer(model: ServerModel): Server {
  const { slots, speed, batchingHeadroom: headroom } = model;
  const running = new Int32Array(slots);
  const remaining = new Float64Array(slots);
  let waiting: { readonly job: number; readonly work: number }[] = [];
  let firstWaiting = 0;
  let active = 0;
  let factor = 1;
  let integratedUntilMs = 0;

  const server = {
    nextCompletionMs: Number.POSITIVE_INFINITY,
    get load() {
      return active + waiting.length - firstWaiting;
    },
    get hasFreeSlot() {
      return active < slots;
    },
    setSpeedFactor(next: number, nowMs: number): void {
      integrate(nowMs);
      factor = next;
      schedule();
    },
    accept(job: number, work: number, nowMs: number): void {
      if (active === slots) {
        waiting.push({ job, work });
        return;
      }
      integrate(nowMs);
      start(job, work);
      schedule();
    },
    complete(nowMs: number): number {
      integrate(nowMs);
      let due = 0;
      for (let index = 1; index < active; index++)
        if ((remaining[index] as number) < (remaining[due] as number)) due = index;
      const job = running[due] as number;
      stop(due);
      schedule();
      return job;
    },
    cancel(job: number, nowMs: number): void {
      integrate(nowMs);
      for (let index = 0; index < active; index++)
        if (running[index] === job) {
          stop(index);
          schedule();
          return;
        }
      const index = waiting.findIndex((entry, at) => at >= firstWaiting && entry.job === job);
      if (index >= 0) waiting.splice(index, 1);
    },
    dropAll(nowMs: number): number[] {
      integrate(nowMs);
      const dropped = [
        ...running.subarray(0, active),
        ...waiting.slice(firstWaiting).map((entry) => entry.job),
      ];
      active = 0;
      waiting = [];
      firstWaiting = 0;
      schedule();
      return dropped;
    },
  };
  return server;

  function rate(): number {
    const full = speed * factor;
    return headroom === undefined ? full : (full * (1 + headroom)) / (active + headroom);
  }

  function integrate(nowMs: number): void {
    const done = (nowMs - integratedUntilMs) * rate();
    for (let index = 0; index < active; index++) remaining[index] = (remaining[index] as number) - done;
    integratedUntilMs = nowMs;
  }

  function start(job: number, work: number): void {
    running[active] = job;
    remaining[active] = work;
    active += 1;
  }

  function stop(index: number): void {
    active -= 1;
    running[index] = running[active] as number;
    remaining[index] = remaining[active] as number;
    const next = waiting[firstWaiting];
    if (next === undefined) return;
    firstWaiting += 1;
    if (firstWaiting > 1_024 && firstWaiting * 2 > waiting.length) {
      waiting = waiting.slice(firstWaiting);
      firstWaiting = 0;
    }
    start(next.job, next.work);
  }

  function schedule(): void {
    let least = Number.POSITIVE_INFINITY;
    for (let index = 0; index < active; index++) least = Math.min(least, remaining[index] as number);
    const workRate = rate();
    server.nextCompletionMs =
      workRate === 0 ? Number.POSITIVE_INFINITY : integratedUntilMs + Math.max(0, least) / workRate;
  }
}
