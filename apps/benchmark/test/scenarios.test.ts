// A scenario with figures runs to its end, small, and is reported; what it measures is not a test's business.
import { expect, it } from "vitest";
import { printFigures } from "../src/figures.ts";
import { describeMachine } from "../src/machine.ts";
import { runSessions } from "../src/scenarios/sessions.ts";

it("opens the sessions, ends them all, and reports", { timeout: 120_000 }, async () => {
  const result = await runSessions({ sessions: 20, onProgress: () => {} });
  const report = { measuredAt: "2026-11-20T00:00:00.000Z", machine: describeMachine(), result };
  const text = printFigures(report);
  expect(text).toMatch(/^\| sessions open at the same time \| 20 \| sessions \|$/m);
  expect(text).toMatch(/^\| sessions left \| 0 \| sessions \|$/m);
});
