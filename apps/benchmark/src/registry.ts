// All scenarios, in the order in which they are listed.
import type { Scenario } from "./result.ts";
import { overhead } from "./scenarios/overhead.ts";

export const SCENARIOS: readonly Scenario[] = [overhead];
