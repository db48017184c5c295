// What happens inside, for whoever logs or counts it.
import type { BalancerEvent, EjectionReason } from "@fairlead/balancer";
import type { Collision } from "./catalog/catalog.ts";
import type { ListKind } from "./catalog/lists.ts";
import type { ReplicaStatus } from "./upstream/replica-state.ts";

export type MultiplexerEvent =
  | {
      readonly type: "upstream-state";
      readonly pool: string;
      readonly upstream: string;
      readonly status: ReplicaStatus;
      readonly reason: string | null;
      /** Milliseconds until the next try, when one is planned. */
      readonly retryInMs: number | null;
    }
  | { readonly type: "catalog-changed"; readonly pool: string; readonly kinds: readonly ListKind[] }
  /** Two things want the same public name; the second is not offered. */
  | { readonly type: "name-collision"; readonly collision: Collision }
  | { readonly type: "stderr"; readonly pool: string; readonly upstream: string; readonly text: string }
  | { readonly type: "problem"; readonly pool: string; readonly upstream: string; readonly message: string }
  /** What an operator, or a new configuration, has changed while it runs. */
  | { readonly type: "pool-added" | "pool-removed" | "pool-updated"; readonly pool: string }
  | {
      readonly type: "upstream-added" | "upstream-removed" | "upstream-updated" | "upstream-restarted";
      readonly pool: string;
      readonly upstream: string;
    }
  /** An operator took an upstream out; `moved` calls that ran on it went on elsewhere. */
  | {
      readonly type: "failover";
      readonly pool: string;
      readonly upstream: string;
      readonly reason: string;
      readonly moved: number;
    }
  /** An upstream gets more or fewer replicas. */
  | {
      readonly type: "upstream-scaled";
      readonly pool: string;
      readonly upstream: string;
      readonly from: number;
      readonly to: number;
      readonly reason: string;
    }
  /** Calls that failed on `upstream` go on elsewhere, the first one on `to`; told once for many in a row. */
  | {
      readonly type: "calls-moved";
      readonly pool: string;
      readonly upstream: string;
      readonly to: string;
      readonly reason: string;
    }
  /** Calls to an upstream failed, so that it gets none for a while. */
  | {
      readonly type: "upstream-ejected";
      readonly pool: string;
      readonly upstream: string;
      readonly reason: EjectionReason;
      readonly durationMs: number;
    }
  | { readonly type: "upstream-returned"; readonly pool: string; readonly upstream: string }
  /** So few upstreams of a priority are well that ejections are disregarded, or no longer so. */
  | { readonly type: "panic-began" | "panic-ended"; readonly pool: string; readonly priority: number }
  /** A contributed strategy did what it must not; after some faults another one takes its place. */
  | {
      readonly type: "strategy-fault";
      readonly pool: string;
      readonly strategy: string;
      readonly fault: string;
      /** The strategy that is used from here on, if it was replaced. */
      readonly replacedBy?: string;
    }
  /** A fault of the gateway itself; the request that met it was answered with an error. */
  | { readonly type: "internal-error"; readonly error: unknown };

/** What a balancer tells, in the multiplexer's words; undefined for what it tells otherwise. */
export function balancerEvent(pool: string, event: BalancerEvent): MultiplexerEvent | undefined {
  switch (event.type) {
    case "endpoint-ejected": {
      const { endpointId: upstream, reason, durationMs } = event;
      return { type: "upstream-ejected", pool, upstream, reason, durationMs };
    }
    case "endpoint-returned":
      return { type: "upstream-returned", pool, upstream: event.endpointId };
    case "panic-began":
    case "panic-ended":
      return { type: event.type, pool, priority: Math.floor(event.priority / 2) };
    case "strategy-fault":
      return { type: event.type, pool, strategy: event.strategy, fault: event.fault };
    case "strategy-quarantined": {
      const { strategy, fallback } = event;
      return { type: "strategy-fault", pool, strategy, fault: "too many faults", replacedBy: fallback };
    }
    case "endpoint-added":
    case "endpoint-removed":
    case "endpoint-updated":
    case "health-changed":
    case "lease-leaked":
    case "lease-released-twice":
      return undefined;
  }
}
