// Times the calls of one pool and of each of its upstreams. The clock is read once for the end of an attempt and of its call,
// and not at all for the beginning of a first attempt, which is the beginning of the call.
import type { Clock } from "@fairlead/core";
import type { AttemptOutcome } from "../pool/outcome.ts";
import type { PoolCall } from "../pool/pool-call.ts";
import type { Attempt, CallEnd } from "../pool/pool-call-owner.ts";
import { type CallOutcome, CallWindow } from "./call-window.ts";

export class PoolMeter {
  readonly window: CallWindow;
  readonly #clock: Clock;
  /** When the last attempt ended; one that was answered ends its call at once. */
  #settledAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.window = new CallWindow(clock.now());
  }

  /** When an attempt for `call` begins that is looked for now. */
  attemptBegins(call: PoolCall): number {
    return call.tried.length === 0 && !call.isWaiting ? call.startedAt : this.#clock.now();
  }

  attemptEnded({ member, startedAt }: Attempt, { breaker, lease }: AttemptOutcome): void {
    const now = this.#clock.now();
    this.#settledAt = now;
    const isAborted = lease === "cancelled" || lease === "hedge-loser" || lease === "not-sent";
    const outcome = breaker === "failure" ? "failed" : isAborted ? "cancelled" : "ok";
    member.window.record(now, now - startedAt, outcome);
  }

  callEnded({ startedAt }: PoolCall, end: CallEnd): void {
    const wasAnswered = end === "answered" || end === "server-error";
    const now = wasAnswered ? this.#settledAt : this.#clock.now();
    this.window.record(now, now - startedAt, OUTCOMES[end]);
  }
}

const OUTCOMES: Readonly<Record<CallEnd, CallOutcome>> = {
  answered: "ok",
  "server-error": "failed",
  failed: "failed",
  cancelled: "cancelled",
};
