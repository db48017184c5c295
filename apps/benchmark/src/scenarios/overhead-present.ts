// The overhead scenario's result: one table a case, and what was promised beside nginx and other gateways.
import type { Chart, Claim, KeyFigure, ScenarioResult, Table } from "../result.ts";
import { printSpread, type Spread } from "../statistics.ts";
import type { CaseResult, Effort } from "./overhead.ts";

/** What most calls are like. */
export const PLAIN_CASE = "300 B over HTTP";

export function presentOverhead(
  results: readonly CaseResult[],
  effort: Effort,
  skipped: readonly string[],
): ScenarioResult {
  return {
    scenario: "overhead",
    title: "What a call costs on its way",
    summary: [
      "Every call goes from a load generator through one program to a server that does next to nothing, so what is measured is the program in the middle. nginx is a plain reverse proxy that knows nothing of MCP: the least that any program can cost. The gateway reads and checks every message, picks a server, counts, limits, and protects.",
      `${effort.rounds} rounds of up to ${effort.calls} calls a target, ${effort.concurrency} at a time, targets in turn, after a warm-up of ${effort.warmUpCalls.toLocaleString("en")} calls or ${effort.warmUpMs / 1_000} s each, whichever comes first. Figures are the median of the rounds, with the lowest and highest.`,
    ],
    tables: results.map(tableOf),
    charts: results.map(chartOf),
    claims: claimsOf(results),
    keyFigures: results.flatMap(keyFiguresOf),
    skipped,
    data: { effort, results },
  };
}

function tableOf({ case: one, targets, gatewayBeside }: CaseResult): Table {
  return {
    title: one.name,
    note: "CPU is that of the process in the middle; for direct, of the server itself. The last column is the gateway's CPU per call as a multiple of that row's.",
    columns: [
      "target",
      "calls/s",
      "p50 ms",
      "p99 ms",
      "CPU µs per call",
      "RSS MiB",
      "errors",
      "gateway ÷ it",
    ],
    rows: targets.map((target) => [
      target.name,
      printSpread(target.callsPerSecond, 0),
      printSpread(target.p50Ms, 2),
      printSpread(target.p99Ms, 2),
      printSpread(target.cpuPerCallUs, 1),
      printSpread(target.rssMiB, 0),
      target.errors,
      gatewayBeside[target.name] === undefined
        ? ""
        : `${printSpread(gatewayBeside[target.name] as Spread, 2)} ×`,
    ]),
  };
}

function chartOf({ case: one, targets }: CaseResult): Chart {
  return {
    title: `CPU per call: ${one.name}`,
    unit: "microseconds, less is better",
    kind: "bars",
    labels: targets.map(({ name }) => name),
    series: [{ name: "CPU µs per call", values: targets.map(({ cpuPerCallUs }) => cpuPerCallUs.median) }],
  };
}

function keyFiguresOf({ case: one, gatewayBeside }: CaseResult): KeyFigure[] {
  return Object.entries(gatewayBeside)
    .filter(([name]) => ["nginx", "sdk-v1-proxy", "sdk-v2-proxy"].includes(name))
    .map(([name, ratio]) => ({
      name: `${one.name}: CPU per call beside ${name}`,
      value: ratio.median,
      low: ratio.min,
      high: ratio.max,
      better: "lower",
    }));
}

/** Peers are those from npm; the SDK's proxies are nobody's product. */
function claimsOf(results: readonly CaseResult[]): Claim[] {
  return results.flatMap(({ case: one, targets, gatewayBeside }): Claim[] => {
    const claims: Claim[] = [];
    const own = targets.find(({ name }) => name === "gateway");
    if (own !== undefined && one.name === PLAIN_CASE)
      claims.push({
        source: "mcp-multiplexing-system.md",
        claim: "50 to 100, 500 to 1,000, and more than 1,000 calls a second (presets)",
        measured: `${printSpread(own.callsPerSecond, 0)} calls/s through one gateway process`,
        limit: "without a gateway: the first row of the table",
        met: own.callsPerSecond.median >= 1_000,
      });
    const nginx = gatewayBeside["nginx"];
    if (nginx !== undefined && one.era === "legacy" && one.payloadBytes < 1_000) {
      const goal = one.answer === "sse" ? 2.2 : 2;
      claims.push({
        source: "this project",
        claim: `${one.name}: at most ${goal.toFixed(1)} × nginx's CPU per call`,
        measured: `${printSpread(nginx, 2)} ×`,
        limit:
          "a forwarder of node:http and undici that reads nothing: 2.6 to 3.1 ×, one on bare sockets: 1.0 to 1.3 ×",
        met: nginx.median <= goal,
      });
    }
    const peers = Object.entries(gatewayBeside).filter(([name]) => / \d/.test(name));
    const best = peers.toSorted(([, a], [, b]) => b.median - a.median)[0];
    if (best !== undefined) {
      const [name, ratio] = best;
      const goal = one.upstream === "stdio" ? 2 : 7.5;
      claims.push({
        source: "this project",
        claim: `${one.name}: ${goal} × less CPU per call than the best gateway from npm`,
        measured: `${(1 / ratio.median).toFixed(1)} × less than ${name}`,
        met: 1 / ratio.median >= goal,
      });
    }
    return claims;
  });
}
