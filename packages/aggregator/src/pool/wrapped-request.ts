// A request that somebody looks at on its way through the pool: says and does what the inner one does.

import type { Caller } from "../caller.ts";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { AggregatorError } from "../errors.ts";
import type { RoutingDecision } from "../router/router.ts";
import type { ServerRequest } from "../upstream/connection.ts";
import type { RequestTarget } from "../upstream/request-target.ts";
import type { Envelope } from "../wire/envelope.ts";
import type { Spliced } from "../wire/splice.ts";
import type { TraceContext } from "../wire/trace-context.ts";
import type { RequestOrigin } from "./client-sessions.ts";
import type { PoolRequest } from "./pool-request.ts";

/** The answer reaches it whole, never in parts. */
export class WrappedRequest implements PoolRequest {
  protected readonly inner: PoolRequest;

  constructor(inner: PoolRequest) {
    this.inner = inner;
  }

  get origin(): RequestOrigin {
    return this.inner.origin;
  }

  get method(): string {
    return this.inner.method;
  }

  get subject(): string {
    return this.inner.subject;
  }

  get entry(): PoolEntry | undefined {
    return this.inner.entry;
  }

  get caller(): Caller {
    return this.inner.caller;
  }

  get priority(): number {
    return this.inner.priority;
  }

  get repeatable(): boolean {
    return this.inner.repeatable;
  }

  get onlyModern(): boolean {
    return this.inner.onlyModern;
  }

  get routing(): RoutingDecision | undefined {
    return this.inner.routing;
  }

  get track(): PoolRequest["track"] {
    return this.inner.track;
  }

  get timeoutMs(): number {
    return this.inner.timeoutMs;
  }

  get maxTimeoutMs(): number {
    return this.inner.maxTimeoutMs;
  }

  get policy(): PoolRequest["policy"] {
    return this.inner.policy;
  }

  argumentBytes(): Buffer {
    return this.inner.argumentBytes();
  }

  encode(id: number, target: RequestTarget, trace: TraceContext | undefined): Buffer | Spliced {
    return this.inner.encode(id, target, trace);
  }

  traceFields(trace: TraceContext | undefined): readonly string[] {
    return this.inner.traceFields(trace);
  }

  headers(): readonly string[] {
    return this.inner.headers();
  }

  onNotification(message: Buffer, envelope: Envelope): void {
    this.inner.onNotification(message, envelope);
  }

  onPause(retryMs: number): void {
    this.inner.onPause?.(retryMs);
  }

  onServerRequest(request: ServerRequest): void {
    this.inner.onServerRequest(request);
  }

  onAnswer(message: Buffer, envelope: Envelope, upstream: string): void {
    this.inner.onAnswer(message, envelope, upstream);
  }

  onError(error: AggregatorError): void {
    this.inner.onError(error);
  }
}
