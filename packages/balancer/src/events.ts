// What the balancer tells its owner. One hook, so that a library prints nothing itself.
import type { EndpointHealth } from "./endpoint.ts";
import type { EjectionReason } from "./outlier-ejection.ts";
import type { StrategyFault } from "./strategy-guard.ts";

/** Something that happened in a balancer; passed to {@link BalancerOptions.onEvent}. */
export type BalancerEvent =
  | { readonly type: "endpoint-added" | "endpoint-removed" | "endpoint-updated"; readonly endpointId: string }
  | {
      readonly type: "health-changed";
      readonly endpointId: string;
      readonly health: EndpointHealth;
      readonly reason: string | undefined;
    }
  | {
      readonly type: "endpoint-ejected";
      readonly endpointId: string;
      readonly reason: EjectionReason;
      readonly durationMs: number;
    }
  | { readonly type: "endpoint-returned"; readonly endpointId: string }
  | {
      /** So few endpoints of a level serve that ejection is ignored there. */
      readonly type: "panic-began" | "panic-ended";
      readonly priority: number;
    }
  | {
      /** A pick of the strategy was replaced by the fallback's. */
      readonly type: "strategy-fault";
      readonly strategy: string;
      readonly fault: StrategyFault;
      readonly cause: unknown;
    }
  | {
      /** The strategy was replaced for good. */
      readonly type: "strategy-quarantined";
      readonly strategy: string;
      readonly fallback: string;
    }
  | { readonly type: "lease-released-twice"; readonly endpointId: string }
  | {
      /** A lease was out for longer than `maxLeaseMs`; the balancer took it back. */
      readonly type: "lease-leaked";
      readonly endpointId: string;
      readonly ageMs: number;
    };
