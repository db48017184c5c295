// A second attempt on another upstream when the first takes longer than most, and the first answer wins (Dean & Barroso,
// "The Tail at Scale", CACM 2013). Only for what reads, only once per call, and only as far as the retry budget pays for it.
import {
  type Clock,
  createLatencyQuantile,
  type RetryBudget,
  type TimerHandle,
  type TimerWheel,
} from "@fairlead/core";
import type { HedgeConfig } from "../config.ts";
import type { AggregatorError } from "../errors.ts";
import type { ServerRequest, UpstreamExchange, UpstreamFailure } from "../upstream/connection.ts";
import type { RequestTarget } from "../upstream/request-target.ts";
import type { Envelope } from "../wire/envelope.ts";
import { errorMessage, rpcCode } from "../wire/reply.ts";
import type { Spliced } from "../wire/splice.ts";
import type { TraceContext } from "../wire/trace-context.ts";
import { type AttemptOutcome, HEDGE_LOSER, outcomeOfFailure, SUCCESS } from "./outcome.ts";
import type { Work } from "./policy.ts";
import type { PoolCall } from "./pool-call.ts";
import type { Attempt } from "./pool-call-owner.ts";
import type { PoolRequest } from "./pool-request.ts";
import { isReadOnly } from "./safety.ts";
import { WrappedRequest } from "./wrapped-request.ts";

/** What hedging needs of its pool. */
export interface HedgeHost {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly budget: RetryBudget;
  /** The plain way. */
  run(request: PoolRequest): PoolCall;
  /** An upstream that is free now and none of `exclude`. */
  leaseNow(request: PoolRequest, exclude: readonly string[]): Attempt | undefined;
  settle(attempt: Attempt, outcome: AttemptOutcome): void;
  onHedge(won: boolean): void;
}

export interface Hedging {
  dispatch(request: PoolRequest): Work;
}

/** What a hedged call needs. */
interface HedgedOwner {
  readonly host: HedgeHost;
  record(durationMs: number): void;
}

export function createHedging({ delayMs, quantile = 0.95 }: HedgeConfig, host: HedgeHost): Hedging {
  const durations =
    delayMs === undefined ? createLatencyQuantile({ quantile, clock: host.clock }) : undefined;
  const owner: HedgedOwner = { host, record: (durationMs) => durations?.record(durationMs) };
  return {
    dispatch(request) {
      if (!isReadOnly(request)) return host.run(request);
      const call = new HedgedCall(owner, request);
      call.start(delayMs ?? durations?.value());
      return call;
    },
  };
}

class HedgedCall extends WrappedRequest implements Work, UpstreamExchange {
  readonly #owner: HedgedOwner;
  readonly #startedAt: number;
  #primary: PoolCall | undefined;
  #timer: TimerHandle | undefined;
  #hedge: Attempt | undefined;
  #hedgeId = 0;
  #hedgedAt = 0;
  #trace: TraceContext | undefined;
  /** How the first attempt failed while the second runs. */
  #error: AggregatorError | undefined;
  /** Whether the first attempt's server has asked the client something: then it is waited for, and nobody asks twice. */
  isAsking = false;
  #ended = false;

  constructor(owner: HedgedOwner, request: PoolRequest) {
    super(request);
    this.#owner = owner;
    this.#startedAt = owner.host.clock.now();
  }

  /** Without a delay too little is known to hedge. */
  start(delayMs: number | undefined): void {
    this.#primary = this.#owner.host.run(new PrimaryRequest(this.inner, this));
    if (delayMs !== undefined && !this.#ended)
      this.#timer = this.#owner.host.wheel.schedule(delayMs, fire, this as HedgedCall);
  }

  fire(): void {
    const { host } = this.#owner;
    const member = this.#primary?.member;
    // A call that waits for an upstream would only wait twice.
    if (this.#ended || this.isAsking || this.#primary === undefined || member === undefined) return;
    const attempt = host.leaseNow(this.inner, [...this.#primary.tried, member.id]);
    if (attempt === undefined) return;
    if (!host.budget.tryWithdraw()) {
      host.settle(attempt, HEDGE_LOSER);
      return;
    }
    this.#hedge = attempt;
    this.#hedgedAt = host.clock.now();
    this.#trace = this.track?.attempting();
    this.#hedgeId = attempt.connection.send(this);
  }

  cancel(reason: string): void {
    if (!this.#end()) return;
    this.#dropHedge(reason);
    this.#primary?.cancel(reason);
  }

  /** The first attempt's answer. */
  answered(message: Buffer, envelope: Envelope, upstream: string): void {
    if (!this.#end()) return;
    this.#owner.record(this.#owner.host.clock.now() - this.#startedAt);
    this.#dropHedge("another attempt answered first");
    this.inner.onAnswer(message, envelope, upstream);
  }

  /** The first attempt has failed, and all that it might do about it. */
  failed(error: AggregatorError): void {
    if (this.#ended) return;
    // What is out may still answer; unless the time is up.
    if (this.#hedge !== undefined && error.code !== "DEADLINE_EXCEEDED" && error.code !== "DRAINING") {
      this.#error = error;
      return;
    }
    this.#end();
    this.#dropHedge(error.message);
    this.inner.onError(error);
  }

  /** The second attempt's progress would go back and forth with the first one's. */
  override onNotification(): void {}

  /** Nor is the client asked anything twice. */
  override onServerRequest({ message, envelope, reply }: ServerRequest): void {
    const id = message.subarray(envelope.id.start, envelope.id.end);
    reply(errorMessage(id, rpcCode.methodNotFound, "Not available here"));
  }

  /** The second attempt's answer. */
  override onAnswer(message: Buffer, envelope: Envelope): void {
    if (envelope.kind === "error") {
      this.onFailure({ executed: "maybe", kind: "refused", message: "it answered with an error" });
      return;
    }
    const upstream = this.#hedge?.member.id ?? "";
    this.#settleHedge(SUCCESS);
    if (!this.#end()) return;
    this.#owner.record(this.#owner.host.clock.now() - this.#hedgedAt);
    this.#owner.host.onHedge(true);
    this.#primary?.cancel("another attempt answered first", HEDGE_LOSER);
    this.inner.onAnswer(message, envelope, upstream);
  }

  onFailure(failure: UpstreamFailure): void {
    this.#settleHedge(outcomeOfFailure(failure));
    if (this.#ended || this.#error === undefined) return;
    this.#end();
    this.inner.onError(this.#error);
  }

  /** As the second attempt; the first one says itself where it belongs. */
  override encode(id: number, target: RequestTarget): Buffer | Spliced {
    return this.inner.encode(id, target, this.#trace);
  }

  override traceFields(): readonly string[] {
    return this.inner.traceFields(this.#trace);
  }

  #dropHedge(reason: string): void {
    this.#hedge?.connection.cancel(this.#hedgeId, reason);
    this.#settleHedge(HEDGE_LOSER);
  }

  #settleHedge(outcome: AttemptOutcome): void {
    const hedge = this.#hedge;
    if (hedge === undefined) return;
    this.#hedge = undefined;
    if (outcome !== SUCCESS) this.#owner.host.onHedge(false);
    this.#owner.host.settle(hedge, outcome);
    this.track?.attempted({
      upstream: hedge.member.id,
      outcome: outcome.lease,
      startedAt: this.#hedgedAt,
      endedAt: this.#owner.host.clock.now(),
      isHedge: true,
      trace: this.#trace,
    });
  }

  /** True for the first end only. */
  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    if (this.#timer !== undefined) this.#owner.host.wheel.cancel(this.#timer);
    return true;
  }
}

/** The first attempt, with its failover, as the pool runs it. */
class PrimaryRequest extends WrappedRequest {
  readonly #call: HedgedCall;

  constructor(inner: PoolRequest, call: HedgedCall) {
    super(inner);
    this.#call = call;
  }

  override onServerRequest(request: ServerRequest): void {
    this.#call.isAsking = true;
    this.inner.onServerRequest(request);
  }

  override onAnswer(message: Buffer, envelope: Envelope, upstream: string): void {
    this.#call.answered(message, envelope, upstream);
  }

  override onError(error: AggregatorError): void {
    this.#call.failed(error);
  }
}

function fire(call: HedgedCall): void {
  call.fire();
}
