// A scenario with figures runs to its end, small, and is reported; what it measures is not a test's business.
import { expect, it } from "vitest";
import { figuresScenario } from "../src/figures.ts";
import { describeMachine } from "../src/machine.ts";
import { printMarkdown } from "../src/report/markdown.ts";
import { measureSessions } from "../src/scenarios/sessions.ts";

it("opens the sessions, ends them all, and reports", { timeout: 120_000 }, async () => {
  const scenario = figuresScenario({
    name: "few",
    description: "few sessions",
    summary: "Opens # sessions.",
    count: { quick: 20, full: 20 },
    run: measureSessions,
  });
  const result = await scenario.run({ profile: "quick", without: [], onProgress: () => {} });
  const measuredAt = "2026-11-20T00:00:00.000Z";
  const text = printMarkdown({ measuredAt, profile: "quick", machine: describeMachine(), result });
  expect(text).toContain("Opens 20 sessions.");
  expect(text).toMatch(/^\| sessions open at the same time \| 20 \| sessions \|$/m);
  expect(text).toMatch(/^\| sessions left \| 0 \| sessions \|$/m);
  expect(text).toMatch(/^\| .* \| sessions left: at most 0 sessions \| 0 sessions \|.*\| yes \|$/m);
});
