import { describe, expect, it } from "vitest";
import {
  AttemptTimeoutError,
  CircuitOpenError,
  DeadlineExceededError,
  ResilienceError,
  withoutStack,
} from "./errors.ts";

describe("errors", () => {
  it.each([
    [new CircuitOpenError(1_500), "CircuitOpenError", "CIRCUIT_OPEN", { retryAfterMs: 1_500 }],
    [new DeadlineExceededError(10), "DeadlineExceededError", "DEADLINE_EXCEEDED", { timeoutMs: 10 }],
    [new AttemptTimeoutError(10, 2), "AttemptTimeoutError", "ATTEMPT_TIMEOUT", { timeoutMs: 10, attempt: 2 }],
  ])("carry a code and their facts: %s", (error, name, code, facts) => {
    expect(error).toBeInstanceOf(ResilienceError);
    expect(error).toMatchObject({ name, code, ...facts });
  });

  it("pass their cause on", () => {
    const cause = new Error("socket hang up");
    expect(new DeadlineExceededError(10, { cause }).cause).toBe(cause);
  });

  it("can be made without a stack trace, and only those", () => {
    expect(withoutStack(() => new CircuitOpenError(1)).stack).not.toContain("\n");
    expect(new CircuitOpenError(1).stack).toContain("\n");
  });
});
