// A result as Markdown, for people; the JSON beside it is for programs.
import type { Machine } from "./machine.ts";
import type { OverheadResult, TargetResult } from "./scenarios/overhead.ts";
import type { Spread } from "./statistics.ts";

export interface Report {
  /** ISO 8601. */
  readonly measuredAt: string;
  readonly machine: Machine;
  readonly result: OverheadResult;
}

export function printReport({ measuredAt, machine, result }: Report): string {
  const { options, baseline, targets, skipped } = result;
  const rows = targets.map((target) => `| ${cells(target).join(" | ")} |`);
  return `# Overhead of a call

${options.rounds} rounds of ${options.calls} \`tools/call\` each, ${options.concurrency} at a time, ${options.payloadBytes} bytes of payload, targets in turn.
Median (lowest to highest round). CPU is that of the process in the middle; for \`direct\`, of the upstream itself.

| target | calls/s | p50 ms | p99 ms | CPU µs per call | CPU beside ${baseline} | RSS MiB | errors |
|---|---|---|---|---|---|---|---|
${rows.join("\n")}
${skipped.map((line) => `\nNot measured: ${line}.`).join("")}

${machine.cpu}, ${machine.cores} cores, ${machine.memoryGiB} GiB, ${machine.system}, Node ${machine.node}, load ${machine.load} at the start; commit ${machine.commit}, ${measuredAt}.
`;
}

function cells({
  name,
  callsPerSecond,
  p50Ms,
  p99Ms,
  cpuPerCallUs,
  cpuRatio,
  rssMiB,
  errors,
}: TargetResult): string[] {
  return [
    name,
    print(callsPerSecond, 0),
    print(p50Ms, 2),
    print(p99Ms, 2),
    print(cpuPerCallUs, 1),
    cpuRatio === null ? "" : `${print(cpuRatio, 2)} ×`,
    print(rssMiB, 0),
    String(errors),
  ];
}

function print({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)} to ${max.toFixed(digits)})`;
}
