// One call that says whether a strategy may be let near traffic.
import { createSeededRandom } from "@fairlead/core/testing";
import type { StrategyFactory } from "../contract.ts";
import type { Check } from "./check.ts";
import { doesNotLeak, staysWithinBudget } from "./cost.ts";
import { forgetsWhatEnded, picksCandidatesOnly, survivesNonsense } from "./hostile-traffic.ts";
import { avoidsBlackHoles, isDeterministic, isNoWorseThanRandom, returnsToRecovered } from "./simulated.ts";

/** Options of {@link checkConformance}. */
export interface ConformanceOptions {
  /** Options for the strategy's factory. */
  readonly strategyOptions?: unknown;
  /** Seed of everything random in the checks. @defaultValue 1 */
  readonly seed?: number;
  /**
   * What acquire and release may cost at 64 endpoints, in ns; `Infinity` leaves the check out, as a suite that must
   * not depend on the machine's speed should.
   *
   * @defaultValue 10_000
   */
  readonly budgetNs?: number;
}

/** How one check went. */
export interface CheckResult {
  /** A sentence that completes "a strategy …". */
  readonly name: string;
  readonly passed: boolean;
  /** What is wrong; `undefined` when it passed. */
  readonly detail: string | undefined;
}

/** Thrown by {@link assertConformance}. */
export class ConformanceError extends Error {
  override readonly name = "ConformanceError";
  readonly code = "STRATEGY_NOT_CONFORMING";
  /** The checks that failed. */
  readonly failures: readonly CheckResult[];

  constructor(failures: readonly CheckResult[]) {
    super(failures.map(({ name, detail }) => `a strategy ${name}: ${detail}`).join("\n"));
    this.failures = failures;
  }
}

/** Runs all checks on a strategy; takes a few seconds. @throws RangeError for a bad option */
export function checkConformance(
  factory: StrategyFactory<never>,
  options: ConformanceOptions = {},
): readonly CheckResult[] {
  const { strategyOptions, seed = 1, budgetNs = 10_000 } = options;
  if (!(budgetNs > 0)) throw new RangeError(`budgetNs must be > 0, got ${budgetNs}`);
  const checks: Check[] = [
    picksCandidatesOnly,
    isDeterministic,
    forgetsWhatEnded,
    survivesNonsense,
    avoidsBlackHoles,
    returnsToRecovered,
    isNoWorseThanRandom,
    doesNotLeak,
  ];
  if (budgetNs !== Number.POSITIVE_INFINITY) checks.push(staysWithinBudget(budgetNs));
  return checks.map((check) => {
    const detail = runSafely(check, factory, strategyOptions, seed);
    return { name: check.name, passed: detail === undefined, detail };
  });
}

/** Like {@link checkConformance}, for test suites. @throws {@link ConformanceError} with every failed check */
export function assertConformance(factory: StrategyFactory<never>, options: ConformanceOptions = {}): void {
  const failures = checkConformance(factory, options).filter(({ passed }) => !passed);
  if (failures.length > 0) throw new ConformanceError(failures);
}

function runSafely(
  check: Check,
  factory: StrategyFactory<never>,
  options: unknown,
  seed: number,
): string | undefined {
  try {
    return check.run({ factory, options, random: createSeededRandom(seed) });
  } catch (error) {
    return `it threw ${String(error)}`;
  }
}
