// The scenario runs and checks its answers; what it measures is not a test's business.
import { expect, it } from "vitest";
import { describeMachine } from "../src/machine.ts";
import { printReport } from "../src/report.ts";
import { runOverhead } from "../src/scenarios/overhead.ts";

it("measures every target in turn, with checked answers, and reports them", {
  timeout: 120_000,
}, async () => {
  const lines: string[] = [];
  const result = await runOverhead({
    rounds: 2,
    calls: 200,
    warmUpCalls: 20,
    concurrency: 4,
    payloadBytes: 50,
    without: ["nginx"],
    onProgress: (line) => lines.push(line),
  });
  expect(result.targets.map(({ name }) => name)).toEqual(["direct", "gateway", "sdk-proxy"]);
  expect(result.baseline).toBe("sdk-proxy");
  expect(result.skipped).toEqual(["nginx: left out on request"]);
  for (const target of result.targets) expect(target.callsPerSecond.min).toBeGreaterThan(0);
  expect(result.targets.find(({ name }) => name === "gateway")?.errors).toBe(0);
  expect(lines).toHaveLength(6);
  const text = printReport({ measuredAt: "2026-11-20T00:00:00.000Z", machine: describeMachine(), result });
  expect(text).toMatch(/^\| gateway \| \d+ \(\d+ to \d+\) \|/m);
});
