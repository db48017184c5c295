// Random sequences of calls, played to a policy and to a model of it.
import { describe, it } from "vitest";
import { createBulkhead } from "../src/bulkhead.ts";
import { createCircuitBreaker } from "../src/circuit-breaker.ts";
import { createRateLimiter } from "../src/rate-limiter.ts";
import { createRetryBudget } from "../src/retry-budget.ts";
import { checkAdmission, checkAdmissionBounds } from "./models/admission.ts";
import { checkBreaker } from "./models/breaker.ts";
import { checkBudget } from "./models/budget.ts";
import { checkLimiter, checkLimiterQueue } from "./models/limiter.ts";
import { seed } from "./seed.ts";

describe(`with the seed ${seed}`, () => {
  it("the breaker does what its model does", () => checkBreaker(createCircuitBreaker, seed));
  it("the retry budget pays out what its ledger says", () => checkBudget(createRetryBudget, seed));
  it("the rate limiter lets through what its bucket holds", () => checkLimiter(createRateLimiter, seed));
  it("the rate limiter's queue is in order and in time", () => checkLimiterQueue(createRateLimiter, seed));
  it("the bulkhead starts calls in the order of its lists", () => checkAdmission(createBulkhead, seed));
  it("the bulkhead keeps its bounds and answers everybody", () => checkAdmissionBounds(createBulkhead, seed));
});
