// What a call costs on its way through a gateway, beside nothing at all in the way, nginx, proxies made of the official SDK,
// and other gateways: CPU per call of the process in the middle, throughput, latency, memory. Rounds are interleaved.
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type LoadResult, runClosedLoop } from "../load/closed-loop.ts";
import { type LoadConnection, openConnection } from "../load/connection.ts";
import { type MeasuredProcess, startMeasured } from "../process.ts";
import type { Scenario, ScenarioContext, ScenarioResult } from "../result.ts";
import { pairedRatio, type Spread, spread } from "../statistics.ts";
import { startGateway, startNginx, startSdkV1Proxy, startSdkV2Proxy } from "../targets/own.ts";
import { PEER_TARGETS } from "../targets/peers.ts";
import {
  type CallKind,
  fileOf,
  freePort,
  type StartTarget,
  stdioUpstream,
  type Target,
} from "../targets/target.ts";
import { PLAIN_CASE, presentOverhead } from "./overhead-present.ts";

export interface Case extends CallKind {
  readonly name: string;
}

export interface Effort {
  readonly rounds: number;
  readonly calls: number;
  /** Before anything is counted, whichever comes first: so many calls, or so many milliseconds. For all targets alike. */
  readonly warmUpCalls: number;
  readonly warmUpMs: number;
  readonly concurrency: number;
  /** No target gets longer than this in a round; slow ones make fewer calls. */
  readonly maxRoundMs: number;
}

/** What one target was measured at, over all rounds. */
interface TargetResult {
  readonly name: string;
  readonly callsPerSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Of the process in the middle; for `direct`, of the upstream itself. Microseconds. */
  readonly cpuPerCallUs: Spread;
  readonly rssMiB: Spread;
  /** Calls answered with an error, over all rounds. */
  readonly errors: number;
}

export interface CaseResult {
  readonly case: Case;
  readonly targets: readonly TargetResult[];
  /** CPU per call of the gateway relative to each other target, round by round. */
  readonly gatewayBeside: Readonly<Record<string, Spread>>;
}

interface Sample extends LoadResult {
  readonly cpuPerCallUs: number;
  readonly rssMiB: number;
}

const SMALL: Case = {
  name: PLAIN_CASE,
  upstream: "http",
  era: "legacy",
  payloadBytes: 180,
  answer: "json",
};
const STDIO: Case = { ...SMALL, name: "300 B, server on stdio", upstream: "stdio" };
const CASES: Readonly<Record<ScenarioContext["profile"], readonly Case[]>> = {
  quick: [SMALL, STDIO],
  full: [
    SMALL,
    { ...SMALL, name: "300 B, revision 2026-07-28", era: "modern" },
    { ...SMALL, name: "300 B, answered by an event stream", answer: "sse" },
    { ...SMALL, name: "16 KiB over HTTP", payloadBytes: 16_384 },
    { ...SMALL, name: "1 MiB over HTTP", payloadBytes: 1_048_576 },
    STDIO,
  ],
};
const COMMON = { warmUpCalls: 100_000, warmUpMs: 10_000, concurrency: 32 } as const;
const EFFORT: Readonly<Record<ScenarioContext["profile"], Effort>> = {
  // V8 compiles by how often code has run, not for how long: the gateway's CPU per call still falls until about 100,000
  // calls, which are eight seconds of them; that of programs ten times as slow settles within two seconds.
  quick: { ...COMMON, rounds: 3, calls: 4_000, maxRoundMs: 2_000 },
  full: { ...COMMON, rounds: 4, calls: 10_000, maxRoundMs: 1_500 },
};
const STARTERS: Readonly<Record<string, StartTarget>> = {
  nginx: startNginx,
  gateway: startGateway,
  "sdk-v1-proxy": startSdkV1Proxy,
  "sdk-v2-proxy": startSdkV2Proxy,
  ...PEER_TARGETS,
};

export const overhead: Scenario = {
  name: "overhead",
  description: "what a call costs through the gateway, nginx, SDK proxies and other gateways",
  run: (context) => runOverhead(context, CASES[context.profile], EFFORT[context.profile]),
};

/** Measures the given cases; separate from {@link overhead} so that a test can ask for little. */
export async function runOverhead(
  context: ScenarioContext,
  cases: readonly Case[],
  effort: Effort,
): Promise<ScenarioResult> {
  const skipped: string[] = [];
  const results: CaseResult[] = [];
  for (const one of cases) {
    context.onProgress(`case ${one.name}`);
    results.push(await runCase(one, effort, context, skipped));
  }
  return presentOverhead(results, effort, skipped);
}

async function runCase(
  one: Case,
  effort: Effort,
  { without, onProgress }: ScenarioContext,
  skipped: string[],
): Promise<CaseResult> {
  const directory = await mkdtemp(join(tmpdir(), "fairlead-benchmark-"));
  const targets: Target[] = [];
  const samples = new Map<string, Sample[]>();
  let upstream: MeasuredProcess | undefined;
  try {
    const port = await freePort();
    const upstreamUrl = `http://127.0.0.1:${port}/mcp`;
    upstream = await startMeasured({
      command: process.execPath,
      args: [fileOf("upstream.ts"), "--port", String(port), ...(one.answer === "sse" ? ["--sse"] : [])],
      role: "server",
      readyUrl: upstreamUrl,
    });
    if (one.upstream === "http")
      targets.push({ name: "direct", url: upstreamUrl, tool: "echo", transport: "http", process: upstream });
    for (const [name, start] of Object.entries(STARTERS)) {
      if (without.includes(name)) continue;
      const target = await start({ kind: one, upstreamUrl, stdio: stdioUpstream(), directory, onProgress });
      if (typeof target === "string") skipped.push(`${name}, ${one.name}: ${target}`);
      else targets.push(target);
    }
    for (const target of [...targets]) {
      onProgress(`warming up ${target.name}`);
      try {
        await withConnection(target, one, effort, (connection) => warmUp(connection, effort));
        samples.set(target.name, []);
      } catch (error) {
        const why = error instanceof Error ? error.message : String(error);
        onProgress(`${target.name} cannot be measured: ${why}`);
        skipped.push(`${target.name}, ${one.name}: ${why}`);
        targets.splice(targets.indexOf(target), 1);
        await target.process.stop();
      }
    }
    for (let round = 1; round <= effort.rounds; round++) {
      for (const target of targets) {
        const sample = await measure(target, one, effort);
        samples.get(target.name)?.push(sample);
        onProgress(
          `round ${round}/${effort.rounds}  ${target.name.padEnd(20)} ${Math.round(sample.calls / sample.seconds)} calls/s  ${sample.cpuPerCallUs.toFixed(1)} µs CPU per call`,
        );
      }
    }
    return summarize(one, samples);
  } finally {
    await Promise.all([...targets.map((target) => target.process.stop()), upstream?.stop()]);
    await rm(directory, { recursive: true, force: true });
  }
}

async function withConnection<T>(
  { url, tool, transport }: Target,
  { era, payloadBytes }: Case,
  { concurrency }: Effort,
  use: (connection: LoadConnection) => Promise<T>,
): Promise<T> {
  const connection = await openConnection({ url, tool, transport, era, payloadBytes, sockets: concurrency });
  try {
    return await use(connection);
  } finally {
    await connection.close();
  }
}

/** So that just-in-time compilers have seen what is coming. @throws Error when nothing but errors comes back */
async function warmUp(
  connection: LoadConnection,
  { concurrency, warmUpCalls, warmUpMs }: Effort,
): Promise<void> {
  const { calls, errors } = await runClosedLoop(connection, {
    calls: warmUpCalls,
    concurrency,
    maxMs: warmUpMs,
  });
  if (errors === calls) throw new Error(`every call is answered with an error: ${connection.lastError}`);
}

function measure(target: Target, one: Case, effort: Effort): Promise<Sample> {
  const { concurrency, calls, maxRoundMs } = effort;
  return withConnection(target, one, effort, async (connection) => {
    // It has been idle while the others took their turns.
    await runClosedLoop(connection, { calls: calls / 4, concurrency, maxMs: maxRoundMs / 4 });
    const cpuBefore = target.process.cpuUs();
    const load = await runClosedLoop(connection, { calls, concurrency, maxMs: maxRoundMs });
    return {
      ...load,
      cpuPerCallUs: (target.process.cpuUs() - cpuBefore) / load.calls,
      rssMiB: target.process.rssBytes() / 2 ** 20,
    };
  });
}

function summarize(one: Case, samples: ReadonlyMap<string, readonly Sample[]>): CaseResult {
  const cpu = (name: string): number[] => (samples.get(name) ?? []).map(({ cpuPerCallUs }) => cpuPerCallUs);
  const others = samples.has("gateway") ? [...samples.keys()].filter((name) => name !== "gateway") : [];
  return {
    case: one,
    targets: [...samples].map(
      ([name, taken]): TargetResult => ({
        name,
        callsPerSecond: spread(taken.map(({ calls, seconds }) => calls / seconds)),
        p50Ms: spread(taken.map(({ p50Ms }) => p50Ms)),
        p99Ms: spread(taken.map(({ p99Ms }) => p99Ms)),
        cpuPerCallUs: spread(cpu(name)),
        rssMiB: spread(taken.map(({ rssMiB }) => rssMiB)),
        errors: taken.reduce((sum, { errors }) => sum + errors, 0),
      }),
    ),
    gatewayBeside: Object.fromEntries(others.map((name) => [name, pairedRatio(cpu("gateway"), cpu(name))])),
  };
}
