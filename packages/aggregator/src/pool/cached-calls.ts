// Calls of tools with a cache: answered from it, or sent on, and then once for all that ask the same at the same time.
import { createHash } from "node:crypto";
import type { Clock } from "@fairlead/core";
import type { CacheConfig } from "../config.ts";
import type { AggregatorError } from "../errors.ts";
import type { ServerRequest } from "../upstream/connection.ts";
import { type Envelope, scanEnvelope, textOf } from "../wire/envelope.ts";
import type { Dispatch, Work } from "./policy.ts";
import type { PoolRequest } from "./pool-request.ts";
import type { ResultCache } from "./result-cache.ts";
import { WrappedRequest } from "./wrapped-request.ts";

export interface CachedCallsOptions {
  readonly cache: ResultCache;
  readonly config: CacheConfig;
  readonly clock: Clock;
  /** Where calls go that cannot be answered from the cache. */
  readonly next: Dispatch;
}

/** What the calls of one tool have in common. */
interface CachedTool extends CachedCallsOptions {
  /** Calls under way whose result others wait for, or may. */
  readonly leading: Map<string, LeadingCall>;
}

/** Answers calls from the cache, and sends on those that are not in it. */
export function cacheCalls(options: CachedCallsOptions): Dispatch {
  const { cache, config, next } = options;
  const tool: CachedTool = { ...options, leading: new Map() };
  return (request) => {
    // A further round of a call has answers of the user in it.
    if (request.onlyModern) return next(request);
    const key = keyOf(request, config.shared === true);
    const leading = tool.leading.get(key);
    if (leading !== undefined) return leading.follow(request);
    const known = cache.get(key);
    if (known === undefined) return new LeadingCall(tool, key, request).start();
    request.onAnswer(known, scanEnvelope(known), NOBODY);
    return DONE;
  };
}

const DONE: Work = { cancel() {} };
/** No upstream was asked. */
const NOBODY = "";

/** The call that is really made. It goes on as long as anybody waits for its result. */
class LeadingCall extends WrappedRequest implements Work {
  readonly tool: CachedTool;
  readonly #key: string;
  #work: Work | undefined;
  #followers: Follower[] = [];
  /** Whether the client that it was begun for has left. */
  #isAlone = false;
  #ended = false;

  constructor(tool: CachedTool, key: string, inner: PoolRequest) {
    super(inner);
    this.tool = tool;
    this.#key = key;
  }

  get answeredBy(): string | undefined {
    return this.#work?.answeredBy;
  }

  get tried(): readonly string[] | undefined {
    return this.#work?.tried;
  }

  start(): Work {
    this.tool.leading.set(this.#key, this);
    this.#work = this.tool.next(this);
    return this;
  }

  follow(request: PoolRequest): Work {
    const follower = new Follower(this, request);
    this.#followers.push(follower);
    this.tool.cache.joined();
    return follower;
  }

  leave(follower: Follower): void {
    this.#followers = this.#followers.filter((other) => other !== follower);
    if (this.#isAlone && this.#followers.length === 0) this.#abandon("nobody waits for the result any more");
  }

  cancel(reason: string): void {
    if (this.#followers.length > 0) this.#isAlone = true;
    else this.#abandon(reason);
  }

  override onNotification(message: Buffer, envelope: Envelope): void {
    if (!this.#isAlone) this.inner.onNotification(message, envelope);
  }

  /** What one user answers is no result for another: the others ask for themselves. */
  override onServerRequest(request: ServerRequest): void {
    const followers = this.#close();
    if (this.#isAlone) this.#work?.cancel("the client that the server asks has left");
    else this.inner.onServerRequest(request);
    for (const follower of followers) follower.goOn();
  }

  override onAnswer(message: Buffer, envelope: Envelope, upstream: string): void {
    const isOpen = this.tool.leading.get(this.#key) === this;
    const followers = this.#close();
    const ttlMs = isOpen ? lastingMs(message, envelope, this.tool.config) : 0;
    if (ttlMs > 0) this.tool.cache.put(this.#key, message, ttlMs);
    if (!this.#isAlone) this.inner.onAnswer(message, envelope, upstream);
    for (const follower of followers) {
      if (ttlMs > 0) follower.request.onAnswer(message, envelope, upstream);
      else follower.goOn();
    }
  }

  /** Whose fault it was is not known: the others try for themselves, each within its own limits. */
  override onError(error: AggregatorError): void {
    const followers = this.#close();
    if (!this.#isAlone) this.inner.onError(error);
    for (const follower of followers) {
      if (error.code === "DRAINING") follower.request.onError(error);
      else follower.goOn();
    }
  }

  #abandon(reason: string): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#close();
    this.#work?.cancel(reason);
  }

  /** Nobody joins any more. Returns who has. */
  #close(): readonly Follower[] {
    const followers = this.#followers;
    this.#followers = [];
    if (this.tool.leading.get(this.#key) === this) this.tool.leading.delete(this.#key);
    return followers;
  }
}

/** A call that waits for the result of an equal one. */
class Follower implements Work {
  readonly request: PoolRequest;
  readonly #leader: LeadingCall;
  readonly #since: number;
  #work: Work | undefined;

  constructor(leader: LeadingCall, request: PoolRequest) {
    this.#leader = leader;
    this.request = request;
    this.#since = leader.tool.clock.now();
  }

  get answeredBy(): string | undefined {
    return (this.#work ?? this.#leader).answeredBy;
  }

  get tried(): readonly string[] | undefined {
    return this.#work?.tried;
  }

  /** The other's result is not for it: it goes its own way, in the time that is left. */
  goOn(): void {
    const { clock, next } = this.#leader.tool;
    this.#work = next(new LaterRequest(this.request, clock.now() - this.#since));
  }

  cancel(reason: string): void {
    if (this.#work === undefined) this.#leader.leave(this);
    else this.#work.cancel(reason);
  }
}

class LaterRequest extends WrappedRequest {
  readonly #byMs: number;

  constructor(inner: PoolRequest, byMs: number) {
    super(inner);
    this.#byMs = byMs;
  }

  override get timeoutMs(): number {
    return Math.max(0, this.inner.timeoutMs - this.#byMs);
  }

  override get maxTimeoutMs(): number {
    return Math.max(0, this.inner.maxTimeoutMs - this.#byMs);
  }
}

/** The bytes of the arguments as they came: 1 and 1.0, or another order of keys, are other calls. */
function keyOf(request: PoolRequest, shared: boolean): string {
  const { entry, caller } = request;
  const who = shared ? "" : JSON.stringify([caller.id, caller.view ?? null]);
  const hash = createHash("sha256").update(JSON.stringify([who, entry?.key ?? ""]));
  return hash.update(request.argumentBytes()).digest("base64");
}

/**
 * How long an answer may be kept, in milliseconds: a whole result that the tool itself does not call an error, and no longer
 * or for more callers than its server says.
 */
function lastingMs(message: Buffer, envelope: Envelope, { ttlMs, shared = false }: CacheConfig): number {
  if (envelope.kind !== "result") return 0;
  if ((textOf(message, envelope.resultType) ?? "complete") !== "complete") return 0;
  const { start, end } = envelope.result;
  const result = JSON.parse(message.toString("utf8", start, end)) as Record<string, unknown>;
  // A task is one call's own.
  if (result["isError"] === true || result["task"] !== undefined) return 0;
  if (shared && result["cacheScope"] === "private") return 0;
  return typeof result["ttlMs"] === "number" ? Math.min(ttlMs, result["ttlMs"]) : ttlMs;
}
