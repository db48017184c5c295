// What holding the queue in the gateway gains, with the real queue on a virtual clock: two servers that work on one request
// at a time, at a load of 0.9, with sizes that the gateway can only guess.
import type { Clock } from "@fairlead/core";
import { createSeededRandom } from "@fairlead/core/testing";
import { beforeAll, describe, expect, it } from "vitest";
import { createBalancer, type Lease, type QueueOrder } from "../src/index.ts";
import { percentile, type Scenario, simulate } from "../src/simulation/index.ts";

const SERVERS = 2;
const REQUESTS = 12_000;
const MEAN_MS = 1_000;

interface Job {
  readonly arrivalMs: number;
  readonly sizeMs: number;
  /** The size times a factor between 1/e and e. */
  readonly guess: number;
}

function drawJobs(seed: number): readonly Job[] {
  const random = createSeededRandom(seed);
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  let now = 0;
  return Array.from({ length: REQUESTS }, () => {
    now += (-Math.log(1 - random()) * MEAN_MS) / (0.9 * SERVERS);
    const relative = Math.exp(normal() - 0.5);
    return { arrivalMs: now, sizeMs: relative * MEAN_MS, guess: relative * Math.exp(2 * random() - 1) };
  });
}

/** Response times when requests wait in the gateway until a server is free. */
async function lateBinding(jobs: readonly Job[], order: QueueOrder): Promise<Float64Array> {
  let now = 0;
  const clock: Clock = {
    now: () => now,
    sleep: () => Promise.reject(new Error("virtual time does not wait")),
  };
  const balancer = createBalancer({ clock, queue: { order, maxWaiting: REQUESTS, ageingMs: 3_000 } });
  for (let server = 0; server < SERVERS; server++) balancer.add({ id: `${server}`, maxConcurrency: 1 });
  const running: { job: Job; lease: Lease; endsMs: number }[] = [];
  const responses: number[] = [];
  let arrived = 0;
  while (responses.length < jobs.length) {
    const next = running.reduce((least, { endsMs }) => Math.min(least, endsMs), Number.POSITIVE_INFINITY);
    const job = jobs[arrived];
    if (job !== undefined && job.arrivalMs <= next) {
      now = job.arrivalMs;
      arrived += 1;
      void balancer
        .wait({ cost: job.guess })
        .then((lease) => running.push({ job, lease, endsMs: now + job.sizeMs }));
    } else {
      now = next;
      const [ended] = running.splice(
        running.findIndex(({ endsMs }) => endsMs === next),
        1,
      );
      if (ended === undefined) break;
      responses.push(now - ended.job.arrivalMs);
      ended.lease.release("success");
    }
    await Promise.resolve();
    await Promise.resolve();
  }
  return Float64Array.from(responses).sort();
}

describe("two servers with one slot each at a load of 0.9", () => {
  const seeds = [1, 2, 3];
  const medians = { earlyMs: 0, fifoMs: 0, shortestMs: 0 };
  const tails = { fifoMs: 0, shortestMs: 0 };

  beforeAll(async () => {
    const scenario: Scenario = {
      name: "single slots",
      servers: Array.from({ length: SERVERS }, () => ({ slots: 1, speed: 1 })),
      meanSizeMs: MEAN_MS,
      sizes: { kind: "lognormal", sigma: 1 },
    };
    for (const seed of seeds) {
      medians.earlyMs += simulate({ scenario, load: 0.9, requests: REQUESTS, seed, balancer: {} }).p50Ms;
      const fifo = await lateBinding(drawJobs(seed), "fifo");
      const shortest = await lateBinding(drawJobs(seed), "shortest-first");
      medians.fifoMs += percentile(fifo, 0.5);
      medians.shortestMs += percentile(shortest, 0.5);
      tails.fifoMs += percentile(fifo, 0.999);
      tails.shortestMs += percentile(shortest, 0.999);
    }
  });

  it("have a median less than half as long when the gateway's queue lets the shortest guess go first", () => {
    expect(medians.shortestMs).toBeLessThan(0.5 * medians.earlyMs);
    expect(medians.shortestMs).toBeLessThan(0.5 * medians.fifoMs);
  });

  it("do not let large requests starve, as waiting counts", () => {
    expect(tails.shortestMs).toBeLessThan(2 * tails.fifoMs);
  });
});
