import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { breakerAlone, bundle, pipelineAlone, whole } from "./bundle.ts";

const readme = readFileSync(new URL("../README.md", import.meta.url), "utf8");

describe("a bundle", () => {
  it("with the breaker alone holds nothing of the other policies", async () => {
    const { text } = await bundle(breakerAlone);
    expect(text).toContain("Circuit is open");
    // Messages and option names that the minifier cannot change.
    for (const other of [
      "Stream is",
      "shedding",
      "ratePerSecond",
      "backoff",
      "delayMs",
      "onHedge",
      "longPromptChars",
    ])
      expect(text).not.toContain(other);
  });

  it("with an import that is not used is empty", async () => {
    const { text } = await bundle('import { createBulkhead } from "@fairlead/core";');
    expect(text.trim()).toBe("");
  });

  it("with a pipeline holds no limiter, hedge or stream guard", async () => {
    const { text } = await bundle(pipelineAlone);
    for (const other of ["Stream is", "shedding", "ratePerSecond", "onHedge", "longPromptChars"])
      expect(text).not.toContain(other);
  });

  it.each([
    ["whole package", whole],
    ["breaker alone", breakerAlone],
    ["breaker, retry, budget and pipeline", pipelineAlone],
  ])("is as large as the README says: %s", async (name, code) => {
    const row = readme.split("\n").find((line) => line.split("|")[1]?.trim() === name);
    const stated = Number.parseFloat(row?.split("|")[3] ?? "");
    const { gzipBytes } = await bundle(code);
    expect(Math.abs(gzipBytes / 1_000 - stated), `${gzipBytes} bytes, README: ${row}`).toBeLessThan(
      0.05 * stated,
    );
  });
});
