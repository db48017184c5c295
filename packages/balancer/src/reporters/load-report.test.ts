import { describe, expect, it } from "vitest";
import { loadReportFromHeader, loadReportFromMeta, parseLoadReport } from "./load-report.ts";

const report = { cpuUtilization: 0.3, memoryUtilization: 0.8, requestsPerSecond: 10, errorsPerSecond: 1 };

describe("a load report", () => {
  it.each([
    ["ORCA's proto names", { cpu_utilization: 0.3, mem_utilization: 0.8, rps_fractional: 10, eps: 1 }],
    ["ORCA's JSON names", { cpuUtilization: 0.3, memUtilization: 0.8, rpsFractional: 10, eps: 1 }],
    ["our names", report],
  ])("is read in %s", (_what, value) => {
    expect(parseLoadReport(value)).toEqual(report);
  });

  it.each([
    [undefined],
    [null],
    ["busy"],
    [{}],
    [{ cpu_utilization: "0.3" }],
    [{ cpu_utilization: -1 }],
    [{ eps: Number.NaN }],
  ])("is none when it is %j", (value) => {
    expect(parseLoadReport(value)).toBeUndefined();
  });

  it("is found in the _meta of a result", () => {
    expect(loadReportFromMeta({ "fairlead/load": { cpu_utilization: 0.5 }, other: 1 })).toEqual({
      cpuUtilization: 0.5,
    });
    expect(loadReportFromMeta({})).toBeUndefined();
    expect(loadReportFromMeta(undefined)).toBeUndefined();
  });

  it.each([
    [
      'JSON {"cpu_utilization": 0.3, "mem_utilization": 0.8}',
      { cpuUtilization: 0.3, memoryUtilization: 0.8 },
    ],
    ["TEXT cpu_utilization=0.3, mem_utilization=0.8", { cpuUtilization: 0.3, memoryUtilization: 0.8 }],
    ["JSON {", undefined],
    ["TEXT", undefined],
    ["CgkQAAAAAAAA4D8=", undefined],
  ])("is read from the header %j", (header, expected) => {
    expect(loadReportFromHeader(header)).toEqual(expected);
  });
});
