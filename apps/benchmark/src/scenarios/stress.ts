// What happens when more is asked than can be done: calls that can be served are served, the others are refused at once
// and told when to come back, memory stays where it is, and the gateway still answers who asks how it is.
import { type OpenLoopResult, runOpenLoop } from "../load/open-loop.ts";
import type { KeyFigure, Profile, Scenario, ScenarioContext, ScenarioResult } from "../result.ts";
import { startSlotPool } from "./slot-pool.ts";

const SERVERS = 4;
const SLOTS = 4;
const SERVICE_MS = 40;
const CAPACITY = (SERVERS * SLOTS * 1_000) / SERVICE_MS;
const EFFORT: Readonly<
  Record<Profile, { readonly stepMs: number; readonly factors: readonly number[]; readonly clients: number }>
> = {
  quick: { stepMs: 5_000, factors: [0.5, 0.9, 2, 10], clients: 1_000 },
  full: { stepMs: 30_000, factors: [0.5, 0.8, 0.9, 0.95, 1.1, 1.5, 2, 5, 10], clients: 1_000 },
};

interface Step extends OpenLoopResult {
  readonly factor: number;
  readonly rssMiB: number;
  /** Longest time that a question for the gateway's health took, in milliseconds. */
  readonly healthMaxMs: number;
}

export const stress: Scenario = {
  name: "stress",
  description: "overload: from half of what the servers can do to ten times as much, with 1,000 clients",
  run: (context) => runStress(context, EFFORT[context.profile]),
};

export async function runStress(
  { onProgress }: ScenarioContext,
  { stepMs, factors, clients }: (typeof EFFORT)[Profile],
): Promise<ScenarioResult> {
  await using pool = await startSlotPool({
    speeds: Array.from({ length: SERVERS }, () => 1),
    slots: SLOTS,
    meanServiceMs: SERVICE_MS,
    distribution: "fixed",
    seed: 3,
    bounded: true,
    clients: Math.min(clients, 64),
  });
  const health = new URL("/livez", pool.gateway.url);
  const idleMiB = pool.gateway.process.rssBytes() / 2 ** 20;
  const steps: Step[] = [];
  for (const factor of factors) {
    let healthMaxMs = 0;
    const asking = setInterval(() => {
      const askedAt = performance.now();
      void fetch(health)
        .then((response) => response.arrayBuffer())
        .then(
          () => {
            healthMaxMs = Math.max(healthMaxMs, performance.now() - askedAt);
          },
          () => {
            healthMaxMs = Number.POSITIVE_INFINITY;
          },
        );
    }, 250);
    const result = await runOpenLoop(pool.clients, { rate: CAPACITY * factor, durationMs: stepMs, seed: 5 });
    clearInterval(asking);
    const rssMiB = pool.gateway.process.rssBytes() / 2 ** 20;
    steps.push({ ...result, factor, rssMiB, healthMaxMs });
    onProgress(
      `${factor} × capacity: ${result.okPerSecond.toFixed(0)} good answers/s, ${result.shed + result.errors} refused (p99 ${result.shedP99Ms.toFixed(1)} ms), p99 ${result.p99Ms.toFixed(0)} ms`,
    );
  }
  return present(steps, idleMiB, stepMs);
}

function present(steps: readonly Step[], idleMiB: number, stepMs: number): ScenarioResult {
  const last = steps.at(-1);
  const goodput = (step: Step): number => step.okPerSecond / CAPACITY;
  return {
    scenario: "stress",
    title: "More than can be done",
    summary: [
      `${SERVERS} servers can do ${CAPACITY} calls a second together. Calls arrive at random at a rate that is a multiple of that, ${stepMs / 1_000} seconds for each, whether or not earlier ones were answered. A gateway that takes everything would end with every call too late; this one keeps a bounded queue and refuses the rest with a time to come back.`,
      `The gateway held ${idleMiB.toFixed(0)} MiB before the first call.`,
    ],
    tables: [
      {
        title: "From half to ten times what the servers can do",
        note: "Refused: HTTP 429 or 503 with Retry-After. Broken: connections without an answer. The last column is the longest that a question for the gateway's health took meanwhile.",
        columns: [
          "offered",
          "good answers/s",
          "of capacity",
          "refused",
          "errors",
          "broken",
          "p50 ms",
          "p99 ms",
          "refusals p99 ms",
          "RSS MiB",
          "health max ms",
        ],
        rows: steps.map((step) => [
          `${step.factor} ×`,
          step.okPerSecond.toFixed(0),
          `${Math.round(goodput(step) * 100)} %`,
          step.shed,
          step.errors,
          step.failed + step.abandoned,
          step.p50Ms.toFixed(0),
          step.p99Ms.toFixed(0),
          step.shedP99Ms.toFixed(1),
          step.rssMiB.toFixed(0),
          step.healthMaxMs.toFixed(0),
        ]),
      },
    ],
    charts: [
      {
        title: "Good answers, as the load grows",
        unit: "per second",
        kind: "lines",
        xLabel: "offered, times capacity",
        labels: steps.map(({ factor }) => factor),
        series: [
          { name: "good answers", values: steps.map(({ okPerSecond }) => okPerSecond) },
          { name: "capacity", values: steps.map(() => CAPACITY) },
        ],
      },
    ],
    claims:
      last === undefined
        ? []
        : [
            {
              source: "this project",
              claim: `${last.factor} × overload: good answers for at least 90 % of capacity, refusals within 10 ms (p99)`,
              measured: `${Math.round(goodput(last) * 100)} %, ${last.shedP99Ms.toFixed(1)} ms`,
              limit: "100 %",
              met: goodput(last) >= 0.9 && last.shedP99Ms < 10,
            },
          ],
    keyFigures: steps
      .filter(({ factor }) => factor >= 2)
      .map((step): KeyFigure => {
        const value = goodput(step);
        return {
          name: `good answers at ${step.factor} × capacity`,
          value,
          low: value - 0.03,
          high: value + 0.03,
          better: "higher",
        };
      }),
    skipped: [],
    data: { capacity: CAPACITY, steps },
  };
}
