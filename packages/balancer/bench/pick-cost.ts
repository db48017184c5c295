// What a pick costs: strategy alone (pick + onStart + onEnd), and a whole acquire + release of the balancer, at
// 8, 64 and 1,000 endpoints, with the bytes that each allocates. Run with `pnpm bench`; figures are the minimum
// over several batches, as noise on a shared machine only adds.
import { execFileSync } from "node:child_process";
import { cpus } from "node:os";
import { fileURLToPath } from "node:url";
import { createSeededRandom } from "@fairlead/core/testing";
import { createCandidateSet } from "../src/candidate-set.ts";
import type { Dispatch, Strategy, StrategyHost } from "../src/contract.ts";
import { createBalancer } from "../src/index.ts";
import type { Lease } from "../src/lease.ts";
import { createLevel } from "../src/level.ts";
import { builtInStrategies } from "../src/strategies/index.ts";
import { createStrategyGuard } from "../src/strategy-guard.ts";
import { instantiate } from "../src/strategy-registry.ts";
import { createTable } from "../src/table.ts";

/** A batch takes about this long, in ms: long enough for the timer, short enough to fall between disturbances. */
const BATCH_MS = 15;
const BATCHES = 15;

function collect(): void {
  globalThis.gc?.({ type: "major", execution: "sync" });
}

/** A strategy that does nothing: what remains is the loop that drives the others. */
const NONE = "none";
const pickFirst: Strategy["pick"] = (candidates) => candidates.slots[0] as number;

interface Cost {
  readonly ns: number;
  readonly bytes: number;
}

function measure(step: () => void): Cost {
  const warmUpEndsAt = performance.now() + 150;
  let warmUps = 0;
  while (performance.now() < warmUpEndsAt) for (let index = 0; index < 1_000; index++, warmUps++) step();
  const batchSize = Math.max(1_000, Math.round((warmUps * BATCH_MS) / 150));
  let ns = Number.POSITIVE_INFINITY;
  let bytes = Number.POSITIVE_INFINITY;
  for (let batch = 0; batch < BATCHES; batch++) {
    collect();
    const heapBefore = process.memoryUsage().heapUsed;
    const startedAt = process.hrtime.bigint();
    for (let index = 0; index < batchSize; index++) step();
    ns = Math.min(ns, Number(process.hrtime.bigint() - startedAt) / batchSize);
    bytes = Math.min(bytes, (process.memoryUsage().heapUsed - heapBefore) / batchSize);
  }
  return { ns, bytes: Math.max(0, bytes) };
}

/**
 * Latencies drawn beforehand. The first entry makes V8 keep them boxed, as a caller's latency is when it is passed
 * on; otherwise every step would allocate a number on the harness's account.
 */
function latencies(): readonly unknown[] {
  const random = createSeededRandom(7);
  const drawn: unknown[] = ["boxed"];
  for (let index = 0; index < 4_096; index++) drawn.push(5 + 50 * random());
  return drawn;
}

/** The strategy alone, driven as the balancer drives it, with two leases out per endpoint. */
function strategyCost(name: string, endpoints: number): Cost {
  const table = createTable();
  const random = createSeededRandom(1);
  const host: StrategyHost = {
    clock: { now: () => 0, sleep: () => Promise.resolve() },
    random,
    table,
    child: (factory, options): Strategy => instantiate(factory, options, host),
  };
  const strategy = name === NONE ? { name, api: 1, pick: pickFirst } : instantiate(name, undefined, host);
  const candidates = createCandidateSet(table, false);
  const guard = createStrategyGuard({
    strategy,
    createFallback: () => strategy,
    clock: host.clock,
    stallMs: Number.POSITIVE_INFINITY,
    maxStrikes: 1,
    onFault: (fault, _strategy, cause) => {
      throw new Error(`${name}: ${fault}`, { cause });
    },
    onQuarantine: () => undefined,
  });
  const level = createLevel(0, table, guard);
  for (let index = 0; index < endpoints; index++) {
    const { slot } = table.insert({ id: `e${index}` }, level, undefined);
    strategy.onEndpoint?.(slot, "reset");
    candidates.insert(slot);
    strategy.onEndpoint?.(slot, "eligible");
  }
  const request = { keyHash: 1, cost: 1, taskClass: 1, attempt: 0, capabilities: [], prefers: [] };
  const ring: { slot: number; inFlightAtStart: number; cost: number; keyHash: number; taskClass: number }[] =
    Array.from({ length: 2 * endpoints }, () => ({
      slot: -1,
      inFlightAtStart: 0,
      cost: 1,
      keyHash: 1,
      taskClass: 1,
    }));
  const latency = latencies();
  let at = 0;
  let turn = 0;
  const step = (): void => {
    const dispatch = ring[at] as (typeof ring)[number];
    at = at + 1 === ring.length ? 0 : at + 1;
    turn = (turn & 4_095) + 1;
    if (dispatch.slot >= 0) {
      table.inFlight[dispatch.slot] = (table.inFlight[dispatch.slot] as number) - 1;
      strategy.onEnd?.(dispatch as Dispatch, "success", latency[turn] as number);
    }
    request.keyHash = (request.keyHash * 1_664_525 + 1_013_904_223) | 0;
    const slot = strategy.pick(candidates, request);
    table.inFlight[slot] = (table.inFlight[slot] as number) + 1;
    dispatch.slot = slot;
    dispatch.inFlightAtStart = table.inFlight[slot] as number;
    strategy.onStart?.(dispatch as Dispatch);
  };
  return measure(step);
}

/** acquire + release on a balancer with default options; the caller passes the latency that it measured. */
function balancerCost(name: string, endpoints: number): Cost {
  const balancer = createBalancer({ strategy: name, random: createSeededRandom(1) });
  for (let index = 0; index < endpoints; index++) balancer.add({ id: `e${index}` });
  const ring: (Lease | undefined)[] = new Array<Lease | undefined>(2 * endpoints).fill(undefined);
  const latency = latencies();
  let at = 0;
  let turn = 0;
  return measure(() => {
    at = at + 1 === ring.length ? 0 : at + 1;
    turn = (turn & 4_095) + 1;
    ring[at]?.release("success", latency[turn] as number);
    ring[at] = balancer.acquire();
  });
}

const sizes = [8, 64, 1_000];
const PROCESSES = 3;
const [mode, cellName, cellSize] = process.argv.slice(2);
if (mode === "strategy" || mode === "balancer") {
  const measureCell = mode === "strategy" ? strategyCost : balancerCost;
  console.log(JSON.stringify(measureCell(cellName ?? "", Number(cellSize))));
} else {
  const names = process.argv.length > 2 ? process.argv.slice(2) : [NONE, ...Object.keys(builtInStrategies)];
  const head = (what: string): string => sizes.map((n) => `${what}, n=${n}`).join(" | ");
  console.log(
    `Node ${process.version}, ${cpus()[0]?.model ?? "unknown processor"}, ${cpus().length} processors`,
  );
  console.log(`\n| strategy | ${head("pick + feedback")} | ${head("acquire + release")} |`);
  console.log(`|---|${sizes.map(() => "---|---|").join("")}`);
  for (const name of names) {
    const cells = ["strategy", "balancer"].flatMap((what) =>
      sizes.map((n) =>
        name === NONE && what === "balancer" ? "" : format(inFreshProcesses(what, name, n), what),
      ),
    );
    console.log(`| ${name} | ${cells.join(" | ")} |`);
  }
}

/** The lease itself is an allocation; what a strategy allocates is told by the other figure. */
function format({ ns, bytes }: Cost, what: string): string {
  return what === "balancer"
    ? `${ns.toFixed(0)} ns`
    : `${ns.toFixed(0)} ns, ${bytes < 0.5 ? 0 : bytes.toFixed(0)} B`;
}

/**
 * Every figure from processes of its own, as code specialised for one strategy is what a gateway with one pool runs; the
 * least of them, as other work on the machine only adds.
 */
function inFreshProcesses(what: string, name: string, endpoints: number): Cost {
  const script = fileURLToPath(import.meta.url);
  const args = ["--expose-gc", "--conditions=@fairlead/source", script, what, name, `${endpoints}`];
  const costs = Array.from(
    { length: PROCESSES },
    () => JSON.parse(execFileSync(process.execPath, args, { encoding: "utf8" })) as Cost,
  );
  return { ns: Math.min(...costs.map(({ ns }) => ns)), bytes: Math.min(...costs.map(({ bytes }) => bytes)) };
}
