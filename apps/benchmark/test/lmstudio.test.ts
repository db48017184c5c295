// The scenarios run and check their answers; what they measure is not a test's business.
import { expect, it } from "vitest";
import { describeMachine } from "../src/machine.ts";
import { printMarkdown } from "../src/report/markdown.ts";
import { runLmStudio } from "../src/scenarios/lmstudio.ts";
import { runReliability } from "../src/scenarios/reliability.ts";

const context = { profile: "quick", without: [], onProgress: () => {} } as const;
const report = {
  measuredAt: "2026-11-20T00:00:00.000Z",
  profile: "quick",
  machine: describeMachine(),
} as const;

it("asks simulated models at once and in turn, and loads each once where it swaps", {
  timeout: 120_000,
}, async () => {
  const result = await runLmStudio(context, { rounds: 1, tokens: 3, loadMs: 5 });
  expect(result.tables.map(({ rows }) => rows.length)).toEqual([3, 3, 3, 3]);
  expect(result.claims.find(({ claim }) => claim.includes("at most once"))?.met).toBe(true);
  const { panels } = result.data as {
    panels: Record<string, { concurrent: { tokens: number; failures: number }[] }>;
  };
  expect(panels["4"]?.concurrent[0]).toMatchObject({ tokens: 12, failures: 0 });
  expect(printMarkdown({ ...report, result })).toContain("| 4 |");
});

it("counts what plain fetch and the client make of the same faults", { timeout: 120_000 }, async () => {
  const result = await runReliability(context, { requests: 60, seed: 1, rateRequests: 6 });
  const { plain, one } = result.data as { plain: Record<string, number>; one: Record<string, number> };
  const sum = (counts: Record<string, number>): number =>
    Object.values(counts).reduce((all, count) => all + count, 0);
  expect([sum(plain), sum(one)]).toEqual([60, 60]);
  expect([one["empty"], one["other-model"]]).toEqual([0, 0]);
  expect(printMarkdown({ ...report, result })).toContain("| an answer |");
});
