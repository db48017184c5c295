// All scenarios, in the order in which they are listed.
import type { Scenario } from "./result.ts";
import { lmstudio } from "./scenarios/lmstudio.ts";
import { overhead } from "./scenarios/overhead.ts";
import { reliability } from "./scenarios/reliability.ts";

export const SCENARIOS: readonly Scenario[] = [overhead, lmstudio, reliability];
