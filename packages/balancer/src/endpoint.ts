// What an endpoint is, to the owner who adds it and to the dashboard that reads it back.
import type { LoadReport } from "./contract.ts";

/** `draining` endpoints finish what they have and get nothing new; `unhealthy` ones are not picked at all. */
export type EndpointHealth = "healthy" | "unhealthy" | "draining";

/** An endpoint as its owner describes it. */
export interface EndpointOptions {
  /** Unique within the balancer. */
  readonly id: string;
  /** Share of the work relative to the others; > 0. @defaultValue 1 */
  readonly weight?: number;
  /** Priority level; lower is preferred, an integer ≥ 0. @defaultValue 0 */
  readonly priority?: number;
  /** Labels that requests can ask for. @defaultValue none */
  readonly tags?: readonly string[];
  /** What the endpoint can do (tool names, loaded models); requests can ask for all of a list. @defaultValue none */
  readonly capabilities?: readonly string[];
  /** Leases handed out at once at most; an integer ≥ 1, or 0 for no limit. @defaultValue 0 */
  readonly maxConcurrency?: number;
  /**
   * Asked once for every lease about to be handed out, after the endpoint was picked; it may take a permit
   * (a circuit breaker's `tryAcquire`). `false` excludes the endpoint for this request, and another is picked.
   */
  readonly admit?: () => boolean;
}

/** What {@link Balancer.update} may change. */
export type EndpointPatch = Omit<EndpointOptions, "id">;

/** One endpoint as dashboards see it. */
export interface EndpointSnapshot {
  readonly id: string;
  readonly health: EndpointHealth;
  /** Reason given with the last change of health. */
  readonly healthReason: string | undefined;
  readonly priority: number;
  /** Weight as configured, without slow start. */
  readonly weight: number;
  /** Weight in effect now, with slow start. */
  readonly effectiveWeight: number;
  /** 0 means no limit. */
  readonly maxConcurrency: number;
  readonly inFlight: number;
  /** `true` while outlier ejection keeps it out. */
  readonly ejected: boolean;
  /** `true` when the next unfiltered request may get it. */
  readonly eligible: boolean;
  /** Newest load report. */
  readonly load: LoadReport | undefined;
  readonly counts: EndpointCounts;
}

/** Leases since the endpoint was added. */
export interface EndpointCounts {
  /** Leases handed out. */
  readonly picked: number;
  /** Came back with `success` or `app-error`. */
  readonly succeeded: number;
  /** Came back with `transport-error`, `overload` or `timeout`. */
  readonly failed: number;
  /** Came back with an outcome that says nothing about the endpoint. */
  readonly neutral: number;
  /** Times that `admit` said no. */
  readonly refused: number;
  /** Times it was ejected. */
  readonly ejections: number;
}

/** Checks what a caller passed to `add` or `update`. */
export function validateEndpoint(options: EndpointPatch): void {
  const { weight, priority, maxConcurrency } = options;
  if (weight !== undefined && !(weight > 0 && Number.isFinite(weight)))
    throw new RangeError(`weight must be a finite number > 0, got ${weight}`);
  if (priority !== undefined && !(Number.isInteger(priority) && priority >= 0))
    throw new RangeError(`priority must be an integer >= 0, got ${priority}`);
  if (maxConcurrency !== undefined && !(Number.isInteger(maxConcurrency) && maxConcurrency >= 0))
    throw new RangeError(`maxConcurrency must be an integer >= 0, got ${maxConcurrency}`);
}
