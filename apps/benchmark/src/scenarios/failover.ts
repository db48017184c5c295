// Servers that crash, hang, slow down, flap and restart under load: what callers get through the gateway with several
// replicas and with one, and through other programs with the one server that they can have.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FAULTS, type Fault } from "../faults.ts";
import { repeat } from "../gateway.ts";
import type { Profile, Scenario, ScenarioContext, ScenarioResult } from "../result.ts";
import { type FaultUpstreams, startFaultUpstreams } from "../targets/fault-upstreams.ts";
import { startGatewayWith, startSdkV1Proxy } from "../targets/own.ts";
import { PEER_TARGETS } from "../targets/peers.ts";
import type { Target, TargetContext } from "../targets/target.ts";
import { type FaultCell, presentFailover } from "./failover-present.ts";
import { combineRounds } from "./failover-rounds.ts";
import { type FaultEffort, runFault } from "./failover-run.ts";

interface Contestant {
  readonly name: string;
  readonly upstream: "http" | "stdio";
  /** Servers of its pool. */
  readonly replicas: number;
  start(context: TargetContext, upstreams: FaultUpstreams): Promise<Target | string>;
}

export interface FailoverEffort {
  readonly faults: readonly string[];
  /** For the gateway, whose goals need many calls; the others show what they do the first time. */
  readonly own: FaultEffort;
  readonly others: FaultEffort;
  readonly contestants?: readonly string[];
  /** Measurements of a gateway with several replicas, where milliseconds are promised. @defaultValue 1 */
  readonly rounds?: number;
  /** When the machine was busy with something else, a measurement is made again, this often at most. @defaultValue 2 */
  readonly maxRepeats?: number;
}

const SERVICE_MS = 20;
const SLOW_MS = 500;
/** Faults that milliseconds are promised for. */
const TIMED: ReadonlySet<string> = new Set(["crash", "hang"]);
const OTHERS_AT_ONCE = 3;
const DISTURBED_MS = 3 * SERVICE_MS;
const LOAD = { rate: 200, warmUpMs: 2_500, quietMs: 700, settleMs: 500 } as const;
const EFFORT: Readonly<Record<Profile, FailoverEffort>> = {
  quick: {
    faults: ["crash", "hang"],
    own: { ...LOAD, cycles: 1 },
    others: { ...LOAD, cycles: 1 },
    contestants: ["gateway, 3 replicas", "direct", "mcp-hub", "mcp-proxy"],
  },
  full: {
    faults: FAULTS.map(({ name }) => name),
    own: { ...LOAD, cycles: 2 },
    rounds: 3,
    others: { ...LOAD, cycles: 1, settleMs: 3_000 },
  },
};

/** As an operator would set it whose calls are short: what reads is asked again elsewhere when it takes unusually long. */
const POOL = { session: "shared", hedge: { enabled: true }, restart: { baseDelayMs: 100 } };

const CONTESTANTS: readonly Contestant[] = [
  ...([3, 2, 1] as const).map((replicas) => gateway("http", replicas)),
  ...([3, 1] as const).map((replicas) => gateway("stdio", replicas)),
  { name: "direct", upstream: "http", replicas: 1, start: startDirect },
  ...(["http", "stdio"] as const).flatMap((upstream): Contestant[] => [
    { name: "sdk-v1-proxy", upstream, replicas: 1, start: startSdkV1Proxy },
    ...Object.entries(PEER_TARGETS).map(([name, start]) => ({ name, upstream, replicas: 1, start })),
  ]),
];

export const failover: Scenario = {
  name: "failover",
  description:
    "servers crash, hang, slow down, flap, restart: what callers get, here and through other gateways",
  run: (context) => runFailover(context, EFFORT[context.profile]),
};

export async function runFailover(context: ScenarioContext, effort: FailoverEffort): Promise<ScenarioResult> {
  const cells: FaultCell[] = [];
  const skipped = new Set<string>();
  const faults = FAULTS.filter(({ name }) => effort.faults.includes(name));
  const wanted = CONTESTANTS.filter(
    ({ name }) => !context.without.includes(name) && effort.contestants?.includes(name) !== false,
  );
  for (const fault of faults) {
    const measured = async (contestant: Contestant): Promise<void> => {
      const { name, upstream, replicas } = contestant;
      const isTimed = isOwn(contestant) && replicas > 1 && TIMED.has(fault.name);
      const outcomes: FaultCell[] = [];
      for (let round = 0; round < (isTimed ? (effort.rounds ?? 1) : 1); round++) {
        const outcome = await runUndisturbed(contestant, fault, effort, context);
        if (typeof outcome === "string") skipped.add(`${name}, server on ${upstream}: ${outcome}`);
        else outcomes.push(outcome);
      }
      const [cell] = outcomes;
      if (cell === undefined) return;
      cells.push(
        outcomes.length === 1
          ? cell
          : { ...cell, outcome: combineRounds(outcomes.map(({ outcome }) => outcome)) },
      );
    };
    for (const contestant of wanted.filter(isOwn)) await measured(contestant);
    // Whether they fail, and whether they recover, is not a matter of milliseconds.
    const others = wanted.filter((contestant) => !isOwn(contestant));
    await repeat(others.length, OTHERS_AT_ONCE, (at) => measured(others[at] as Contestant));
  }
  const order = new Map(wanted.map((contestant, at) => [keyOf(contestant), at]));
  cells.sort((a, b) => (order.get(keyOf(a)) ?? 0) - (order.get(keyOf(b)) ?? 0));
  return presentFailover(cells, faults, effort, [...skipped]);
}

/** Again, where the machine was busy with something else. */
async function runUndisturbed(
  contestant: Contestant,
  fault: Fault,
  effort: FailoverEffort,
  context: ScenarioContext,
): Promise<FaultCell | string> {
  const repeats = isOwn(contestant) ? (effort.maxRepeats ?? 2) : 0;
  let outcome = await runCell(contestant, fault, effort, context);
  for (let again = 0; again < repeats && disturbanceOf(outcome) > DISTURBED_MS; again++) {
    const next = await runCell(contestant, fault, effort, context);
    if (disturbanceOf(next) < disturbanceOf(outcome)) outcome = next;
  }
  return outcome;
}

function isOwn({ name }: Contestant): boolean {
  return name.startsWith("gateway");
}

function keyOf({ name, upstream }: Pick<Contestant, "name" | "upstream">): string {
  return `${name} ${upstream}`;
}

/** Judged by what was before the fault and by the load itself, never by what came out; the least disturbed is kept. */
function disturbanceOf(cell: FaultCell | string): number {
  if (typeof cell === "string") return 0;
  const { quietP95Ms, generatorLagMs } = cell.outcome;
  // Nothing answered before the fault is as bad as can be.
  return Number.isNaN(quietP95Ms) ? Number.POSITIVE_INFINITY : Math.max(quietP95Ms, generatorLagMs);
}

async function runCell(
  contestant: Contestant,
  fault: Fault,
  effort: FailoverEffort,
  { onProgress }: ScenarioContext,
): Promise<FaultCell | string> {
  const { name, upstream, replicas, start } = contestant;
  const directory = await mkdtemp(join(tmpdir(), "fairlead-benchmark-"));
  const cycles = isOwn(contestant) ? effort.own : effort.others;
  const servers = upstream === "http" ? replicas : 0;
  let target: Target | string | undefined;
  try {
    await using upstreams = await startFaultUpstreams({
      servers,
      serviceMs: SERVICE_MS,
      slowMs: SLOW_MS,
      directory,
      restarts: fault.restarts * cycles.cycles,
    });
    const kind = { upstream, era: "legacy", payloadBytes: 50, answer: "json" } as const;
    const [upstreamUrl = ""] = upstreams.urls;
    target = await start({ kind, upstreamUrl, stdio: upstreams.stdio, directory, onProgress }, upstreams);
    if (typeof target === "string") return target;
    const which = replicas > 1 ? "one" : "all";
    const outcome = await runFault(target, upstreams, fault, which, cycles);
    onProgress(
      `${fault.name.padEnd(8)} ${upstream.padEnd(5)} ${target.name.padEnd(20)} ${outcome.errors.repeatable}+${outcome.errors.other} errors, ${outcome.unanswered} unanswered, first good ${outcome.firstGoodMs?.toFixed(0) ?? "never"} ms, added p99 ${outcome.added.p99.toFixed(1)} max ${outcome.added.max.toFixed(1)} ms, load late by ${outcome.generatorLagMs.toFixed(0)} ms`,
    );
    return {
      ...{ name, target: target.name, upstream, replicas, fault: fault.name, outcome },
      isOwn: isOwn(contestant),
    };
  } catch (error) {
    // One that cannot even be asked is a result, not the end of the run.
    return error instanceof Error ? error.message : String(error);
  } finally {
    if (typeof target === "object") await target.process.stop();
    await rm(directory, { recursive: true, force: true });
  }
}

function gateway(upstream: "http" | "stdio", replicas: number): Contestant {
  const name = replicas === 1 ? "gateway, 1 replica" : `gateway, ${replicas} replicas`;
  return {
    name,
    upstream,
    replicas,
    async start({ stdio, directory }, { urls }) {
      const upstreams =
        upstream === "http"
          ? urls.map((url) => ({ url, era: "legacy" }))
          : Array.from({ length: replicas }, () => ({ ...stdio, era: "legacy" }));
      return { ...(await startGatewayWith({ pool: { ...POOL, upstreams } }, directory)), name };
    },
  };
}

async function startDirect({ upstreamUrl }: TargetContext): Promise<Target> {
  const nothing = { pid: process.pid, cpuUs: () => 0, rssBytes: () => 0, stop: async () => {} };
  return { name: "direct", url: upstreamUrl, tool: "echo", transport: "http", process: nothing };
}
