// Times the calls of one pool and of each of its upstreams. The clock is read once for the end of an attempt and of its call,
// and not at all for the beginning of a first attempt, which is the beginning of the call.
import type { Clock } from "@fairlead/core";
import type { AttemptOutcome } from "../pool/outcome.ts";
import type { Attempt, PoolCall } from "../pool/pool-call.ts";
import { type CallOutcome, CallWindow } from "./call-window.ts";

export class PoolMeter {
  readonly window: CallWindow;
  readonly #clock: Clock;
  /** Of the attempt that has just ended; its call ends next, or goes on with another one. */
  #settledAt = 0;
  #settled: AttemptOutcome | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.window = new CallWindow(clock.now());
  }

  /** When an attempt for `call` begins that is looked for now. */
  attemptBegins(call: PoolCall): number {
    this.#settled = undefined;
    return call.tried.length === 0 && !call.isWaiting ? call.startedAt : this.#clock.now();
  }

  attemptEnded({ member, startedAt }: Attempt, outcome: AttemptOutcome): void {
    const now = this.#clock.now();
    this.#settledAt = now;
    this.#settled = outcome;
    member.window.record(now, now - startedAt, outcomeOf(outcome, false));
  }

  callEnded({ startedAt }: PoolCall, failed: boolean): void {
    const settled = this.#settled;
    this.#settled = undefined;
    const now = settled === undefined ? this.#clock.now() : this.#settledAt;
    this.window.record(now, now - startedAt, outcomeOf(settled, failed));
  }
}

/** Without an attempt that ended, only a cancelled call ends without having failed. */
function outcomeOf(outcome: AttemptOutcome | undefined, failed: boolean): CallOutcome {
  if (failed || outcome?.breaker === "failure") return "failed";
  return outcome === undefined || outcome.lease === "cancelled" || outcome.lease === "hedge-loser"
    ? "cancelled"
    : "ok";
}
