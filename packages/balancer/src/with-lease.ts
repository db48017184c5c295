// Acquire, work, release, in one call: the release cannot be forgotten, not even when the work throws.
import type { AcquireRequest } from "./acquire-request.ts";
import type { Balancer } from "./balancer.ts";
import type { LeaseOutcome } from "./contract.ts";
import { NoEndpointError } from "./errors.ts";

/** Options of {@link withLease}. */
export interface WithLeaseOptions {
  readonly request?: AcquireRequest;
  /** What a rejection says about the endpoint. @defaultValue `"cancelled"` for an AbortError, else `"transport-error"` */
  readonly classify?: (error: unknown) => LeaseOutcome;
}

/**
 * Runs `work` with an endpoint and gives the endpoint back when it is done.
 *
 * @throws {@link NoEndpointError} when none may be picked; whatever `work` throws
 */
export async function withLease<Result>(
  balancer: Balancer,
  work: (endpointId: string) => Promise<Result>,
  options: WithLeaseOptions = {},
): Promise<Result> {
  const { request, classify = classifyByName } = options;
  const lease = balancer.acquire(request);
  if (lease === undefined) throw new NoEndpointError("no endpoint may be picked for this request");
  let outcome: LeaseOutcome = "transport-error";
  try {
    const result = await work(lease.endpointId);
    outcome = "success";
    return result;
  } catch (error) {
    outcome = classify(error);
    throw error;
  } finally {
    lease.release(outcome);
  }
}

function classifyByName(error: unknown): LeaseOutcome {
  if (!(error instanceof Error)) return "transport-error";
  if (error.name === "AbortError") return "cancelled";
  return error.name === "TimeoutError" ? "timeout" : "transport-error";
}
