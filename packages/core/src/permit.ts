import type { CallContext, Operation } from "./call-context.ts";
import type { CircuitOutcome } from "./circuit-state.ts";
import { isRefusal, ResilienceError } from "./errors.ts";

/** A slot. */
export interface Permit {
  /** Gives the slot back; a second time does nothing. A limit that learns goes by the outcome. @defaultValue "success" */
  release(outcome?: CircuitOutcome): void;
}

/** Runs the operation and then gives the slot back. */
export async function holding<T>(permit: Permit, operation: Operation<T>, context: CallContext): Promise<T> {
  try {
    const value = await operation(context);
    permit.release();
    return value;
  } catch (error) {
    permit.release(outcomeForSlot(error, context.signal));
    throw error;
  }
}

/** Neither a refusal further in nor a caller that left says how many calls the target can take; a timeout does. */
export function outcomeForSlot(
  error: unknown,
  context: { readonly aborted: boolean; readonly reason: unknown },
): CircuitOutcome {
  const left = context.aborted && !(context.reason instanceof ResilienceError);
  return left || isRefusal(error) ? "ignored" : "failure";
}
