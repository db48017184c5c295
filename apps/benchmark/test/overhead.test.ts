// The scenario runs and checks its answers; what it measures is not a test's business.
import { expect, it } from "vitest";
import { describeMachine } from "../src/machine.ts";
import { printMarkdown } from "../src/report/markdown.ts";
import { runOverhead } from "../src/scenarios/overhead.ts";
import { PEER_TARGETS } from "../src/targets/peers.ts";

const kind = { era: "legacy", payloadBytes: 50, answer: "json" } as const;

it("measures every target in turn, with checked answers, and reports them", {
  timeout: 120_000,
}, async () => {
  const lines: string[] = [];
  const result = await runOverhead(
    {
      profile: "quick",
      without: ["nginx", ...Object.keys(PEER_TARGETS)],
      onProgress: (line) => lines.push(line),
    },
    [
      { ...kind, name: "http", upstream: "http" },
      { ...kind, name: "modern", upstream: "http", era: "modern" },
      { ...kind, name: "events", upstream: "http", answer: "sse" },
      { ...kind, name: "stdio", upstream: "stdio" },
    ],
    { rounds: 2, calls: 100, warmUpCalls: 100, warmUpMs: 100, concurrency: 4, maxRoundMs: 10_000 },
  );
  expect(result.tables.map(({ title, rows }) => [title, rows.map(([name]) => name)])).toEqual([
    ["http", ["direct", "gateway", "sdk-v1-proxy"]],
    ["modern", ["direct", "gateway", "sdk-v2-proxy"]],
    ["events", ["direct", "gateway", "sdk-v1-proxy"]],
    ["stdio", ["gateway", "sdk-v1-proxy"]],
  ]);
  for (const { rows } of result.tables) for (const row of rows) expect(row[6]).toBe(0);
  expect(result.keyFigures.map(({ name }) => name)).toContain("http: CPU per call beside sdk-v1-proxy");
  expect(result.skipped).toContain("sdk-v1-proxy, modern: version 1 of the SDK does not speak 2026-07-28");
  expect(lines.filter((line) => line.startsWith("round 2/2"))).toHaveLength(11);
  const report = {
    measuredAt: "2026-11-20T00:00:00.000Z",
    profile: "quick",
    machine: describeMachine(),
    result,
  };
  expect(printMarkdown({ ...report, profile: "quick" })).toMatch(/^\| gateway \| \d+ \(\d+ to \d+\) \|/m);
});
