// One upstream process or connection as its pool knows it. Whoever replaces it is a new member under the same id.
import type { EndpointOptions } from "@fairlead/balancer";
import type { CircuitBreaker, RateLimiter } from "@fairlead/core";
import type { CallWindow } from "../analytics/call-window.ts";
import type { UpstreamConfig } from "../config.ts";
import type { Replica } from "../upstream/replica.ts";
import type { ReplicaState } from "../upstream/replica-state.ts";
import type { BrokenTogether } from "./breakage.ts";

/**
 * What its operator wants of it: `active` gets calls when it is well, `draining` finishes what it has, `disabled` does
 * not run, `leaving` finishes what it has and belongs to the pool no more.
 */
export type MemberMode = "active" | "draining" | "disabled" | "leaving";

export interface PoolMember {
  readonly id: string;
  /** Id of the configured upstream that it is a replica of; its own when that has only one. */
  readonly upstream: string;
  config: UpstreamConfig;
  readonly replica: Replica;
  breaker: CircuitBreaker;
  mode: MemberMode;
  /** Why it is not active. */
  modeReason: string | null;
  /** Calls that it has now. */
  inFlight: number;
  /** Bounds its calls in a minute; shared with whoever replaces it. */
  rate: RateLimiter | undefined;
  calls: number;
  failures: number;
  /** What its calls were like lately. */
  readonly window: CallWindow;
  /** Attempts that broke off on it last. */
  brokenTogether: BrokenTogether | undefined;
}

/** The replica's state, and over it what the operator wants. */
export function stateOf({ replica: { state }, mode, modeReason }: PoolMember): ReplicaState {
  const isUp = state.status === "ready" || state.status === "unhealthy";
  if (mode === "draining" && isUp) return { ...state, status: "draining", reason: modeReason };
  if (mode === "leaving" && state.status !== "stopped")
    return { ...state, status: "draining", reason: modeReason, nextTryAtMs: null };
  if (mode === "disabled") return { ...state, status: "disabled", reason: modeReason };
  return state;
}

export function isServing({ mode, replica }: PoolMember): boolean {
  return mode === "active" && replica.state.status === "ready";
}

/** Milliseconds until it may be called again; 0 now. */
export function callableInMs({ breaker, rate }: PoolMember): number {
  return Math.max(breaker.retryAfterMs(), rate?.retryAfterMs() ?? 0);
}

/** How the balancer sees an upstream; one in another zone than the gateway's comes after all of its priority. */
export function endpointOf(
  { weight = 1, priority = 1, maxConcurrency = 0, tags = [], capabilities = [], zone }: UpstreamConfig,
  ownZone: string | undefined,
): Omit<EndpointOptions, "id" | "admit"> {
  const isRemote = ownZone !== undefined && zone !== undefined && zone !== ownZone;
  return {
    weight,
    priority: priority * 2 + (isRemote ? 1 : 0),
    maxConcurrency,
    tags: zone === undefined ? tags : [...tags, `zone:${zone}`],
    capabilities,
  };
}
