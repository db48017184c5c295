// Load reports as endpoints send them: in the `_meta` of an MCP result, or in the response header that Envoy and gRPC
// use (ORCA, Open Request Cost Aggregation). What comes from outside is checked field by field.
import type { LoadReport } from "../contract.ts";

/** Key of a load report in the `_meta` of an MCP result. */
export const LOAD_REPORT_META_KEY = "fairlead/load";

/** Name of ORCA's response header. */
export const LOAD_REPORT_HEADER = "endpoint-load-metrics";

// ORCA's names (xds.data.orca.v3.OrcaLoadReport, in proto and in JSON spelling) and ours.
const names = new Map<string, keyof LoadReport>([
  ["cpu_utilization", "cpuUtilization"],
  ["cpuUtilization", "cpuUtilization"],
  ["mem_utilization", "memoryUtilization"],
  ["memUtilization", "memoryUtilization"],
  ["memoryUtilization", "memoryUtilization"],
  ["application_utilization", "applicationUtilization"],
  ["applicationUtilization", "applicationUtilization"],
  ["rps_fractional", "requestsPerSecond"],
  ["rpsFractional", "requestsPerSecond"],
  ["requestsPerSecond", "requestsPerSecond"],
  ["eps", "errorsPerSecond"],
  ["errorsPerSecond", "errorsPerSecond"],
  ["requestsInFlight", "requestsInFlight"],
  ["expectedLatencyMs", "expectedLatencyMs"],
]);

/** Reads a report from an object; `undefined` when no field of it is a finite number ≥ 0. */
export function parseLoadReport(value: unknown): LoadReport | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  const report: { -readonly [Field in keyof LoadReport]: number } = {};
  let found = false;
  for (const [name, entry] of Object.entries(value)) {
    const field = names.get(name);
    if (field === undefined || typeof entry !== "number" || !(entry >= 0 && entry < Number.POSITIVE_INFINITY))
      continue;
    report[field] = entry;
    found = true;
  }
  return found ? report : undefined;
}

/** Reads the report in the `_meta` of an MCP result, under {@link LOAD_REPORT_META_KEY}. */
export function loadReportFromMeta(meta: unknown): LoadReport | undefined {
  if (typeof meta !== "object" || meta === null || !(LOAD_REPORT_META_KEY in meta)) return undefined;
  return parseLoadReport(meta[LOAD_REPORT_META_KEY]);
}

/** Reads ORCA's header in its two text forms: `JSON {"cpu_utilization":0.3}` and `TEXT cpu_utilization=0.3, eps=1`. */
export function loadReportFromHeader(header: string): LoadReport | undefined {
  const text = header.trim();
  if (text.startsWith("JSON ")) {
    try {
      return parseLoadReport(JSON.parse(text.slice("JSON ".length)));
    } catch {
      // Not JSON after all: a report that cannot be read is no report.
      return undefined;
    }
  }
  if (!text.startsWith("TEXT ")) return undefined;
  const pairs = text
    .slice("TEXT ".length)
    .split(",")
    .map((pair) => pair.split("="));
  return parseLoadReport(
    Object.fromEntries(pairs.map(([name = "", number = ""]) => [name.trim(), Number.parseFloat(number)])),
  );
}
