// What the choice of a strategy is worth: equal, unequal and disturbed servers, measured and simulated.
import { simulate } from "@fairlead/balancer/simulation";
import { type OpenLoopResult, runOpenLoop } from "../load/open-loop.ts";
import { SLOTS } from "./scaling.ts";
import { startSlotPool } from "./slot-pool.ts";

const MEAN_MS = 40;
const SIGMA = 1;
const SETTLING = 0.1;
const SIMULATED = 20_000;
/** The bound: one queue in front of all servers, first come, first served, and the fastest free slot. */
export const BOUND = "one queue (bound)";

export interface PoolShape {
  readonly name: string;
  readonly speeds: readonly number[];
  readonly antagonist?: { readonly share: number; readonly onMs: number; readonly offMs: number };
}

export const EQUAL: PoolShape = { name: "8 equal servers", speeds: [1, 1, 1, 1, 1, 1, 1, 1] };
export const UNEQUAL: PoolShape = {
  name: "8 servers of speeds 1, 2 and 4",
  speeds: [1, 1, 1, 2, 2, 2, 4, 4],
};
export const DISTURBED: PoolShape = {
  ...EQUAL,
  name: "8 servers, in turn at 0.4 of their speed",
  antagonist: { share: 0.4, onMs: 2_000, offMs: 6_000 },
};

export interface StrategyRun {
  readonly pool: string;
  readonly load: number;
  readonly strategy: string;
  /** Undefined for the bound. */
  readonly measured: OpenLoopResult | undefined;
  readonly simulatedP99Ms: number;
}

export interface StrategyEffort {
  readonly strategyMs: number;
  readonly strategies: readonly string[];
  readonly pools: readonly PoolShape[];
  readonly loads: readonly number[];
}

export async function measureStrategies(
  { strategyMs, strategies, pools, loads }: StrategyEffort,
  onProgress: (line: string) => void,
): Promise<StrategyRun[]> {
  const runs: StrategyRun[] = [];
  for (const shape of pools)
    for (const load of loads) {
      const where = { pool: shape.name, load };
      for (const strategy of strategies) {
        const measured = await runStrategy(shape, load, strategy, strategyMs);
        const simulatedP99Ms = simulateP99(shape, load, strategy);
        runs.push({ ...where, strategy, measured, simulatedP99Ms });
        onProgress(
          `${shape.name}, load ${load}, ${strategy}: p50 ${measured.p50Ms.toFixed(0)} p99 ${measured.p99Ms.toFixed(0)} ms, simulated p99 ${simulatedP99Ms.toFixed(0)} ms`,
        );
      }
      const bound = simulateP99(shape, load, undefined);
      runs.push({ ...where, strategy: BOUND, measured: undefined, simulatedP99Ms: bound });
    }
  return runs;
}

async function runStrategy(
  shape: PoolShape,
  load: number,
  strategy: string,
  durationMs: number,
): Promise<OpenLoopResult> {
  const { speeds, antagonist } = shape;
  await using pool = await startSlotPool({
    ...{ speeds, slots: SLOTS, meanServiceMs: MEAN_MS, distribution: "lognormal", sigma: SIGMA, seed: 7 },
    // The strategy alone decides: what is too much waits at the server that it chose.
    bounded: false,
    pool: { strategy, outlierEjection: { enabled: false }, timeoutMs: 120_000 },
    ...(antagonist === undefined ? {} : { antagonist }),
  });
  const slowdown =
    antagonist === undefined
      ? 1
      : (antagonist.share * antagonist.onMs + antagonist.offMs) / (antagonist.onMs + antagonist.offMs);
  const capacity = (speeds.reduce((sum, speed) => sum + speed, 0) * SLOTS * 1_000 * slowdown) / MEAN_MS;
  return await runOpenLoop(pool.clients, {
    ...{ rate: capacity * load, durationMs, ignoreMs: durationMs * SETTLING, seed: 13, spread: "random" },
  });
}

/** The same servers and strategy on a virtual clock; without a strategy, the bound. */
function simulateP99(shape: PoolShape, load: number, strategy: string | undefined): number {
  const { name, speeds, antagonist } = shape;
  return simulate({
    scenario: {
      name,
      servers: speeds.map((speed) => ({ slots: SLOTS, speed })),
      meanSizeMs: MEAN_MS,
      sizes: { kind: "lognormal", sigma: SIGMA },
      ...(antagonist === undefined
        ? {}
        : {
            antagonist: {
              speedFactor: antagonist.share,
              onMs: antagonist.onMs,
              offMs: antagonist.offMs,
            },
          }),
    },
    load,
    requests: SIMULATED,
    seed: 1,
    balancer: strategy === undefined ? "central-queue" : { strategy, outlierEjection: false },
  }).p99Ms;
}
