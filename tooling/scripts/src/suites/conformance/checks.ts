// What the official suite wrote down: one folder per scenario, one file of checks in each.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface WrittenCheck {
  readonly id: string;
  readonly status: "SUCCESS" | "FAILURE" | "WARNING" | "INFO" | "SKIPPED";
  readonly errorMessage?: string;
}

interface CheckCount {
  /** How often it was found to hold. */
  readonly passed: number;
  /** What the other times were about. */
  readonly complaints: readonly string[];
}

/** By `scenario:check-id`; a scenario may have the same check several times. */
export type Checks = ReadonlyMap<string, CheckCount>;

/** Reads the results in `folder`, as `conformance … --output-dir` leaves them. */
export function readChecks(folder: string): Checks {
  const checks = new Map<string, CheckCount>();
  for (const name of readdirSync(folder)) {
    const scenario = name.replace(/^(server-)?(.*)-\d{4}-\d\d-\d\dT[\d-]+Z$/, "$2");
    const written = JSON.parse(readFileSync(join(folder, name, "checks.json"), "utf8")) as WrittenCheck[];
    for (const { id, status, errorMessage } of written) {
      const key = `${scenario}:${id}`;
      const { passed, complaints } = checks.get(key) ?? { passed: 0, complaints: [] };
      const complaint = `${status}${errorMessage === undefined ? "" : `: ${errorMessage}`}`;
      checks.set(
        key,
        status === "SUCCESS"
          ? { passed: passed + 1, complaints }
          : { passed, complaints: [...complaints, complaint] },
      );
    }
  }
  return checks;
}
