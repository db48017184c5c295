// What a check is given and what it says.
import type { Random } from "@fairlead/core";
import type { StrategyFactory } from "../contract.ts";

/** The strategy under test. */
export interface Subject {
  readonly factory: StrategyFactory<never>;
  readonly options: unknown;
  readonly random: Random;
}

/** One thing that a strategy must do. */
export interface Check {
  /** A sentence that completes "a strategy …". */
  readonly name: string;
  /** Returns what is wrong, or `undefined` when the strategy passes. */
  run(subject: Subject): string | undefined;
}
