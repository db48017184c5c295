import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createProcessLoadReader } from "./process-load.ts";

/** A /proc with one process named "a) b (c", as names may contain anything. */
function proc(ticks: () => number) {
  return async (path: string): Promise<string> => {
    if (path === "/proc/7/stat")
      return `7 (a) b (c) S 1 7 7 0 -1 4194560 1 0 0 0 ${ticks()} 50 0 0 20 0 11 0 1 2 3\n`;
    if (path === "/proc/7/status") return "Name:\ta) b (c\nVmPeak:\t  900 kB\nVmRSS:\t  512 kB\n";
    throw Object.assign(new Error("no such file"), { code: "ENOENT" });
  };
}

describe("createProcessLoadReader", () => {
  it("tells the share of the processors used since the last call, and of the memory", async () => {
    const clock = createFakeClock();
    let ticks = 100;
    const reader = createProcessLoadReader(7, {
      clock,
      processors: 2,
      memoryLimitBytes: 1_048_576,
      read: proc(() => ticks),
    });
    expect(await reader.read()).toEqual({ memoryUtilization: 0.5 });
    await clock.advance(1_000);
    ticks += 50;
    // Half a second of processor time in one second on two processors.
    expect(await reader.read()).toEqual({ cpuUtilization: 0.25, memoryUtilization: 0.5 });
    await clock.advance(1_000);
    expect(await reader.read()).toEqual({ cpuUtilization: 0, memoryUtilization: 0.5 });
  });

  it("tells nothing about a process that is gone", async () => {
    expect(await createProcessLoadReader(8, { read: proc(() => 0) }).read()).toBeUndefined();
  });

  it.runIf(process.platform === "linux")("reads this process from the real /proc", async () => {
    const report = await createProcessLoadReader(process.pid).read();
    expect(report?.memoryUtilization).toBeGreaterThan(0);
    expect(report?.memoryUtilization).toBeLessThan(1);
  });

  it.each([
    ["pid", () => createProcessLoadReader(0)],
    ["memoryLimitBytes", () => createProcessLoadReader(1, { memoryLimitBytes: 0 })],
    ["processors", () => createProcessLoadReader(1, { processors: 0 })],
  ])("rejects a bad %s", (name, create) => {
    expect(create).toThrow(new RegExp(`^${name} .*got 0`));
  });
});
