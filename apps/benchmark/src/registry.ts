// All scenarios, in the order in which they are listed.
import type { Scenario } from "./result.ts";
import { cycles } from "./scenarios/cycles.ts";
import { failover } from "./scenarios/failover.ts";
import { frozen } from "./scenarios/frozen.ts";
import { overhead } from "./scenarios/overhead.ts";
import { sessions } from "./scenarios/sessions.ts";
import { soak } from "./scenarios/soak.ts";
import { streams } from "./scenarios/streams.ts";

export const SCENARIOS: readonly Scenario[] = [overhead, sessions, streams, soak, failover, cycles, frozen];
