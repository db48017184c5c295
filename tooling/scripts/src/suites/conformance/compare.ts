// Every check that passes without the gateway must pass through it, save those that are listed with their reason.
import type { Checks } from "./checks.ts";

/** Checks that cannot pass, and why. */
export interface Exception {
  /** `scenario:check-id`; `*` stands for anything. */
  readonly check: string;
  readonly why: string;
}

interface LostCheck {
  readonly check: string;
  readonly complaints: readonly string[];
  /** Undefined when nobody has said why. */
  readonly why: string | undefined;
}

export interface Comparison {
  /** Checks that pass directly, counted as often as they were made. */
  readonly direct: number;
  /** Of these, those that pass through the gateway too. */
  readonly kept: number;
  readonly lost: readonly LostCheck[];
  /** Exceptions that nothing needs: what they allow passes. */
  readonly stale: readonly Exception[];
}

export function compareChecks(direct: Checks, gateway: Checks, exceptions: readonly Exception[]): Comparison {
  let count = 0;
  let kept = 0;
  const lost: LostCheck[] = [];
  const used = new Set<Exception>();
  for (const [check, { passed }] of direct) {
    const found = gateway.get(check);
    const also = Math.min(passed, found?.passed ?? 0);
    count += passed;
    kept += also;
    if (also === passed) continue;
    const exception = exceptions.find((candidate) => matches(candidate.check, check));
    if (exception !== undefined) used.add(exception);
    lost.push({ check, complaints: found?.complaints ?? ["it was not made"], why: exception?.why });
  }
  return { direct: count, kept, lost, stale: exceptions.filter((exception) => !used.has(exception)) };
}

function matches(pattern: string, check: string): boolean {
  const parts = pattern.split("*");
  const [first = "", last = ""] = [parts[0], parts.at(-1)];
  if (parts.length === 1) return pattern === check;
  return parts.length === 2 && check.startsWith(first) && check.slice(first.length).endsWith(last);
}
