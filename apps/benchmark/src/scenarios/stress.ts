// What happens when more is asked than can be done: calls that can be served are served, the others are refused at once
// and told when to come back, memory stays where it is, and the gateway still answers who asks how it is.
import { type OpenLoopResult, runOpenLoop } from "../load/open-loop.ts";
import type { Claim, KeyFigure, Profile, Scenario, ScenarioContext, ScenarioResult } from "../result.ts";
import { type SlotPool, startSlotPool } from "./slot-pool.ts";

interface StressEffort {
  readonly stepMs: number;
  /** Load before anything is counted. */
  readonly warmUpMs: number;
  readonly factors: readonly number[];
  readonly clients: number;
}

interface Step extends OpenLoopResult {
  readonly queue: string;
  readonly factor: number;
  readonly rssMiB: number;
  /** Longest time that a question for the gateway's health took, in milliseconds. */
  readonly healthMaxMs: number;
}

const SERVERS = 4;
const SLOTS = 4;
const SERVICE_MS = 40;
const CAPACITY = (SERVERS * SLOTS * 1_000) / SERVICE_MS;
const HEALTH_EVERY_MS = 100;
const EFFORT: Readonly<Record<Profile, StressEffort>> = {
  quick: { stepMs: 4_000, warmUpMs: 3_000, factors: [0.9, 2, 10], clients: 1_000 },
  full: { stepMs: 8_000, warmUpMs: 5_000, factors: [0.5, 0.8, 0.95, 1.1, 1.5, 2, 5, 10], clients: 1_000 },
};

/** As an operator would set it who wants refusals at once: two calls for each slot, 80 ms of work, may wait. */
const SHORT = { name: "32 calls", pool: { maxQueue: 2 * SERVERS * SLOTS } };
/** Share of the capacity at which nobody should have to be refused. */
const BUSY = 0.9;
const DEFAULT = { name: "1,000 calls (default)", pool: {} };

export const stress: Scenario = {
  name: "stress",
  description: "overload: from half of what the servers can do to ten times as much, with 1,000 clients",
  run: (context) => runStress(context, EFFORT[context.profile]),
};

export async function runStress(context: ScenarioContext, effort: StressEffort): Promise<ScenarioResult> {
  const steps: Step[] = [];
  let idleMiB = 0;
  for (const [queue, factors] of [
    [SHORT, effort.factors],
    [DEFAULT, [BUSY, ...effort.factors.slice(-1)]],
  ] as const) {
    await using pool = await startSlotPool({
      speeds: Array.from({ length: SERVERS }, () => 1),
      slots: SLOTS,
      meanServiceMs: SERVICE_MS,
      distribution: "fixed",
      seed: 3,
      bounded: true,
      clients: effort.clients,
      pool: queue.pool,
    });
    idleMiB = pool.gateway.process.rssBytes() / 2 ** 20;
    await runOpenLoop(pool.clients, { rate: 2 * CAPACITY, durationMs: effort.warmUpMs, seed: 4 });
    for (const factor of factors) {
      const step = { ...(await measureStep(pool, factor, effort.stepMs)), queue: queue.name, factor };
      steps.push(step);
      context.onProgress(
        `queue of ${queue.name}, ${factor} × capacity: ${step.okPerSecond.toFixed(0)} good answers/s, ${step.shed} refused (p99 ${step.shedP99Ms.toFixed(1)} ms), p99 ${step.p99Ms.toFixed(0)} ms, health ${step.healthMaxMs.toFixed(0)} ms, load late by ${step.generatorLagP99Ms.toFixed(1)} ms (p99)`,
      );
    }
  }
  return present(steps, idleMiB, effort);
}

async function measureStep(
  { clients, gateway }: SlotPool,
  factor: number,
  durationMs: number,
): Promise<Omit<Step, "factor" | "queue">> {
  const health = new URL("/livez", gateway.url);
  let healthMaxMs = 0;
  const ask = async (): Promise<void> => {
    const askedAt = performance.now();
    const response = await fetch(health);
    await response.arrayBuffer();
    healthMaxMs = Math.max(healthMaxMs, performance.now() - askedAt);
  };
  const asking = setInterval(() => {
    ask().catch(() => {
      healthMaxMs = Number.POSITIVE_INFINITY;
    });
  }, HEALTH_EVERY_MS);
  const result = await runOpenLoop(clients, { rate: CAPACITY * factor, durationMs, seed: 5 });
  clearInterval(asking);
  return { ...result, healthMaxMs, rssMiB: gateway.process.rssBytes() / 2 ** 20 };
}

function present(steps: readonly Step[], idleMiB: number, effort: StressEffort): ScenarioResult {
  const short = steps.filter(({ queue }) => queue === SHORT.name);
  return {
    scenario: "stress",
    title: "More than can be done",
    summary: [
      `${SERVERS} servers can do ${CAPACITY} calls a second together. ${effort.clients.toLocaleString("en")} clients send calls that arrive at random, at a rate that is a multiple of that, ${effort.stepMs / 1_000} seconds for each, whether or not earlier ones were answered. A gateway that takes everything would end with every call too late; this one keeps a bounded queue and refuses the rest with a time to come back.`,
      `How long the queue may be is for the operator to choose: a short one refuses at once what cannot be served soon; a long one (${DEFAULT.name}) lets calls wait for up to two seconds before it refuses those whose turn did not come. The gateway held ${idleMiB.toFixed(0)} MiB before the first call, with all clients connected.`,
    ],
    tables: [
      {
        title: "From half to ten times what the servers can do",
        note: "Good answers: those that came while the load lasted. Refused: HTTP 429 or 503 with Retry-After. Broken: connections without an answer. Health: the longest that a question for the gateway's own health took meanwhile. Load late: how far behind the load generator itself was, at the worst and for all but one in a hundred calls; it is part of every latency here, and not taken off.",
        columns: [
          "queue",
          "offered",
          "good answers/s",
          "of capacity",
          "refused",
          "errors",
          "broken",
          "p50 ms",
          "p99 ms",
          "refusals p50 ms",
          "refusals p99 ms",
          "RSS MiB",
          "health max ms",
          "load late p99 ms",
          "load late max ms",
        ],
        rows: steps.map((step) => [
          step.queue,
          `${step.factor} ×`,
          step.okPerSecond.toFixed(0),
          `${Math.round(goodput(step) * 100)} %`,
          step.shed,
          step.errors,
          step.failed + step.abandoned,
          step.p50Ms.toFixed(0),
          step.p99Ms.toFixed(0),
          step.shedP50Ms.toFixed(1),
          step.shedP99Ms.toFixed(1),
          step.rssMiB.toFixed(0),
          step.healthMaxMs.toFixed(0),
          step.generatorLagP99Ms.toFixed(1),
          step.generatorLagMs.toFixed(0),
        ]),
      },
    ],
    charts: [
      {
        title: "Good answers, as the load grows",
        unit: "per second",
        kind: "lines",
        xLabel: "offered, times capacity",
        labels: short.map(({ factor }) => factor),
        series: [
          { name: "good answers", values: short.map(({ okPerSecond }) => okPerSecond) },
          { name: "capacity", values: short.map(() => CAPACITY) },
        ],
      },
    ],
    claims: [...documentClaims(steps, effort), ...claimsOf(short.at(-1))],
    keyFigures: short
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
    data: { capacity: CAPACITY, effort, steps },
  };
}

function goodput({ okPerSecond }: Step): number {
  return okPerSecond / CAPACITY;
}

/** Below what the servers can do, every client is to be served, however many there are. */
function documentClaims(steps: readonly Step[], { clients }: StressEffort): Claim[] {
  const step = steps.find(({ queue, factor }) => queue === DEFAULT.name && factor === BUSY);
  if (step === undefined) return [];
  return [
    {
      source: "multi-client-concurrency.md",
      claim: "20 clients and more at once, none in another's way",
      measured: `${clients.toLocaleString("en")} clients at ${step.factor} of the servers' capacity: ${step.offered - step.ok} of ${step.offered} calls without a good answer, p99 ${step.p99Ms.toFixed(0)} ms for ${SERVICE_MS} ms of work`,
      met: clients >= 20 && step.ok === step.offered,
    },
  ];
}

function claimsOf(last: Step | undefined): Claim[] {
  if (last === undefined) return [];
  const { factor, shedP99Ms, healthMaxMs, generatorLagP99Ms } = last;
  const lag = `; the load generator itself was late by ${generatorLagP99Ms.toFixed(1)} ms (p99)`;
  return [
    {
      source: "this project",
      claim: `${factor} × overload: good answers for at least 90 % of capacity`,
      measured: `${Math.round(goodput(last) * 100)} %`,
      limit: "100 %",
      met: goodput(last) >= 0.9,
    },
    {
      source: "this project",
      claim: `${factor} × overload: refusals within 10 ms (p99)`,
      measured: `${shedP99Ms.toFixed(1)} ms${lag}`,
      met: shedP99Ms < 10,
    },
    {
      source: "this project",
      claim: `${factor} × overload: the gateway still answers for its health, within a second`,
      measured: `${healthMaxMs.toFixed(0)} ms at the longest`,
      met: healthMaxMs < 1_000,
    },
  ];
}
