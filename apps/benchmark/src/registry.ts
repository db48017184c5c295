// All scenarios, in the order in which they are listed.
import type { Scenario } from "./result.ts";
import { cycles } from "./scenarios/cycles.ts";
import { failover } from "./scenarios/failover.ts";
import { frozen } from "./scenarios/frozen.ts";
import { kills } from "./scenarios/kills.ts";
import { lmstudio } from "./scenarios/lmstudio.ts";
import { loadbalancing } from "./scenarios/loadbalancing.ts";
import { overhead } from "./scenarios/overhead.ts";
import { packageBenches } from "./scenarios/package-benches.ts";
import { reliability } from "./scenarios/reliability.ts";
import { sessions } from "./scenarios/sessions.ts";
import { soak } from "./scenarios/soak.ts";
import { streams } from "./scenarios/streams.ts";
import { stress } from "./scenarios/stress.ts";

export const SCENARIOS: readonly Scenario[] = [
  overhead,
  loadbalancing,
  stress,
  failover,
  kills,
  frozen,
  sessions,
  streams,
  cycles,
  soak,
  lmstudio,
  reliability,
  ...packageBenches,
];
