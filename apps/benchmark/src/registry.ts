// All scenarios, in the order in which they are listed.
import type { Scenario } from "./result.ts";
import { lmstudio } from "./scenarios/lmstudio.ts";
import { loadbalancing } from "./scenarios/loadbalancing.ts";
import { overhead } from "./scenarios/overhead.ts";
import { packageBenches } from "./scenarios/package-benches.ts";
import { reliability } from "./scenarios/reliability.ts";
import { stress } from "./scenarios/stress.ts";

export const SCENARIOS: readonly Scenario[] = [
  overhead,
  loadbalancing,
  stress,
  lmstudio,
  reliability,
  ...packageBenches,
];
