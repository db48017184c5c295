// Ten clients with equal shares of a pool, one of which takes ten times its own: what the other nine notice. Simulated on
// a fake clock, with calls and durations from a seed, the same ones in both runs.
import { createTimerWheel, type Random } from "@fairlead/core";
import { createFakeClock, createSeededRandom } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createAdmission, type Waiting } from "./admission.ts";

interface Call {
  readonly client: string;
  readonly at: number;
  readonly durationMs: number;
}

const SLOTS = 8;
const MEAN_MS = 40;
const CLIENTS = 10;
/** Of what the upstreams can do, when everybody keeps to the share. */
const LOAD = 0.7;
const SECONDS = 200;
const CALLS_PER_MS = ((SLOTS / MEAN_MS) * LOAD) / CLIENTS;

/** Calls at random times, which know nothing of each other (a Poisson process, open loop). */
function callsOf(client: string, factor: number, random: Random): Call[] {
  const exponential = (mean: number): number => -mean * Math.log(1 - random());
  const calls: Call[] = [];
  for (let at = 0; ; ) {
    at += exponential(1 / (CALLS_PER_MS * factor));
    if (at > SECONDS * 1_000) return calls;
    calls.push({ client, at, durationMs: exponential(MEAN_MS) });
  }
}

interface Outcome {
  /** Of calls of polite clients, from their arrival to their answer, in milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly refused: number;
  /** Calls of the greedy client that were answered. */
  readonly greedy: number;
}

async function simulate(seed: number, greed: number): Promise<Outcome> {
  const clock = createFakeClock();
  const admission = createAdmission({
    clock,
    wheel: createTimerWheel({ clock }),
    maxQueue: () => 1_000,
    queueTimeoutMs: () => 2_000,
    ageingMs: () => 200,
  });
  const calls = Array.from({ length: CLIENTS }, (_, at) =>
    callsOf(at === 0 ? "greedy" : `polite-${at}`, at === 0 ? greed : 1, createSeededRandom(seed * 100 + at)),
  )
    .flat()
    .sort((a, b) => a.at - b.at);
  const started = clock.now();
  const latencies: number[] = [];
  let free = SLOTS;
  let refused = 0;
  let greedy = 0;

  const run = ({ client, at, durationMs }: Call, waited?: Waiting): void => {
    free--;
    void clock.sleep(durationMs).then(() => {
      free++;
      if (waited !== undefined) admission.ended(waited);
      if (client === "greedy") greedy++;
      else latencies.push(clock.now() - started - at);
      admission.pump();
    });
  };
  for (const call of calls) {
    await clock.advance(Math.max(0, started + call.at - clock.now()));
    // As a pool does it: whoever comes while others wait gets in line.
    if (free > 0 && admission.size === 0) {
      run(call);
      continue;
    }
    const refuse = (): void => {
      if (call.client !== "greedy") refused++;
    };
    const waiting: Waiting = {
      key: call.client,
      priority: 5,
      group: "",
      queuedAt: 0,
      isGranted: false,
      wake() {
        if (free === 0) return false;
        admission.leave(waiting);
        run(call, waiting);
        return true;
      },
      displace: refuse,
    };
    if (!admission.enter(waiting, "")) refuse();
  }
  latencies.sort((a, b) => a - b);
  const quantile = (share: number): number => latencies[Math.floor(latencies.length * share)] ?? Number.NaN;
  return { p50: quantile(0.5), p99: quantile(0.99), refused, greedy };
}

describe("a client that sends ten times its share", () => {
  it.each([1, 2, 3])(
    "raises the p99 of the others by no more than a fifth (seed %d)",
    async (seed) => {
      const fair = await simulate(seed, 1);
      const greedy = await simulate(seed, 10);
      const ratio = greedy.p99 / fair.p99;
      const ms = (value: number): string => `${value.toFixed(1)} ms`;
      console.log(
        `seed ${seed}: p50 ${ms(fair.p50)} -> ${ms(greedy.p50)}, p99 ${ms(fair.p99)} -> ${ms(greedy.p99)} (x ${ratio.toFixed(3)})`,
      );
      expect(ratio).toBeLessThanOrEqual(1.2);
      expect(greedy.refused).toBe(0);
      // It gets what the others leave, and no less.
      expect(greedy.greedy).toBeGreaterThan(fair.greedy * 3);
    },
    60_000,
  );
});
