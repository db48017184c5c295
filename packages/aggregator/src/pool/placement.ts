// Which upstream a call goes to: the one that its client has a session with, or whichever the balancer picks of those that
// can serve it; and why there is none.
import type { PoolMeter } from "../analytics/pool-meter.ts";
import { AggregatorError } from "../errors.ts";
import { noneFor, satisfies } from "../router/requirements.ts";
import type { ClientSessions } from "./client-sessions.ts";
import { callableInMs, isServing } from "./member.ts";
import type { Members } from "./members.ts";
import type { PoolCall } from "./pool-call.ts";
import type { Attempt } from "./pool-call-owner.ts";
import type { PoolRequest } from "./pool-request.ts";

export interface PlacementOptions {
  readonly namespace: string;
  readonly members: Members;
  readonly sessions: ClientSessions;
  readonly meter: PoolMeter;
  readonly queueTimeoutMs: () => number;
  /** A call that failed on `from` goes on on `to`. */
  readonly onFailover: (from: string, to: string) => void;
}

export interface Placement {
  /** An upstream for the next attempt, or why there is none; see {@link PoolCallOwner.attempt}. */
  attempt(call: PoolCall): Attempt | "wait" | "pause" | AggregatorError;
  /** An upstream for a second attempt at the same time, none of `exclude`. */
  another(request: PoolRequest, exclude: readonly string[], now: number): Attempt | undefined;
  /** Names the upstreams that could serve a call. */
  groupOf(request: PoolRequest): string;
}

const NOBODY: readonly string[] = [];

export function createPlacement(options: PlacementOptions): Placement {
  const { namespace, members, sessions, meter, queueTimeoutMs, onFailover } = options;

  return {
    attempt,
    another(request, exclude, now) {
      // Whoever has a session with one upstream has nothing that it knows on another.
      if (sessions.pinOf(request.origin) !== undefined) return undefined;
      return lease(request, [...excludedFor(request), ...exclude], now);
    },
    groupOf,
  };

  function groupOf({ entry, onlyModern, routing, origin }: PoolRequest): string {
    const only = entry?.only === undefined ? "" : [...entry.only].join(" ");
    // Who waits for the upstream that holds its session does not keep others from theirs.
    const pin = sessions.pinOf(origin);
    const able = `${onlyModern ? "modern " : ""}${only}${pin === undefined ? "" : ` at ${pin}`}`;
    return routing === undefined ? able : `${able} ${routing.group}`;
  }

  function attempt(call: PoolCall): Attempt | "wait" | "pause" | AggregatorError {
    const { request, tried, mayReturn } = call;
    const startedAt = meter.attemptBegins(call);
    const pin = sessions.pinOf(request.origin);
    const pinned = pin === undefined ? undefined : attemptWhere(pin, call, startedAt);
    if (pinned !== undefined) return pinned;
    const unable = excludedFor(request);
    const first = lease(request, unable.length === 0 ? tried : [...tried, ...unable], startedAt);
    if (tried.length === 0) return first ?? refusal(call);
    if (first === undefined) {
      if (mayReturn) return lease(request, unable, startedAt) ?? refusal(call);
      // Where nobody is left to return to, the end of those that broke has been noticed.
      return tried.some((id) => members.byId.get(id)?.replica.connection?.isOpen) ? "pause" : refusal(call);
    }
    const from = tried.at(-1) ?? "";
    onFailover(from, first.member.id);
    return first;
  }

  /** Where its client has a session; undefined when the call has to go elsewhere. */
  function attemptWhere(pin: string, call: PoolCall, startedAt: number): Attempt | "wait" | undefined {
    const { entry, onlyModern, routing } = call.request;
    if (call.tried.includes(pin) || entry?.only?.has(pin) === false || onlyModern) return undefined;
    const member = members.byId.get(pin);
    // What a rule asks for goes before what the session remembers.
    if (member === undefined || (routing !== undefined && !satisfies(member, routing))) return undefined;
    const others = [...members.byId.keys()].filter((id) => id !== pin);
    const granted = lease(call.request, others, startedAt);
    if (granted !== undefined) return granted;
    const isBusy = isServing(member) && member.breaker.retryAfterMs() === 0;
    return isBusy ? "wait" : undefined;
  }

  /** Those that cannot do it, whatever their state. */
  function excludedFor({ entry, onlyModern }: PoolRequest): readonly string[] {
    if (entry?.only === undefined && !onlyModern) return NOBODY;
    const unable = [...members.byId].filter(
      ([id, { replica }]) =>
        entry?.only?.has(id) === false || (onlyModern && replica.state.info?.era !== "modern"),
    );
    return unable.map(([id]) => id);
  }

  function lease(request: PoolRequest, exclude: readonly string[], startedAt: number): Attempt | undefined {
    const { entry, method, routing } = request;
    const taskClass = entry?.key ?? method;
    // A filter that filters nothing costs the balancer a list of its own.
    const plain = exclude.length === 0 ? { taskClass } : { taskClass, exclude };
    const granted =
      routing === undefined
        ? members.acquire(plain)
        : members.acquire({ ...plain, ...routing.filter }, routing.strategy);
    if (granted === undefined) return undefined;
    const { lease: held, member, permit } = granted;
    const connection = sessions.connectionFor(request.origin, member.replica);
    if (connection?.isOpen !== true) {
      // Gone, though not yet reported so; the next one may be there.
      member.breaker.release(permit, "ignored");
      held.release("not-sent");
      return lease(request, [...exclude, member.id], startedAt);
    }
    member.calls++;
    member.inFlight++;
    return { lease: held, connection, member, breaker: member.breaker, permit, startedAt };
  }

  /** Open breakers are no reason to wait when they stay open for longer than a call would; anything else is. */
  function refusal({ request: { routing, subject } }: PoolCall): "wait" | AggregatorError {
    if (routing !== undefined && ![...members.byId.values()].some((member) => satisfies(member, routing)))
      return noneFor(namespace, subject, routing);
    const connected = [...members.byId.values()].filter(isServing);
    const retryAfterMs = Math.ceil(Math.min(...connected.map(callableInMs)));
    if (connected.length === 0 || retryAfterMs <= queueTimeoutMs()) return "wait";
    // The breaker was quicker than the look at its connection: when that is gone, the next one has a breaker that is closed.
    if (connected.some(({ replica }) => replica.isSuspected)) return "wait";
    if (connected.some(({ breaker }) => breaker.retryAfterMs() <= queueTimeoutMs()))
      return new AggregatorError(
        "RATE_LIMITED",
        `Every upstream of ${namespace} has had the calls that it allows in a minute; the next may go in ${Math.ceil(retryAfterMs / 1_000)} s.`,
        { pool: namespace, outcome: "not-executed", retryAfterMs },
      );
    return new AggregatorError(
      "CIRCUIT_OPEN",
      `Every upstream of ${namespace} failed too often lately; the next try is in ${Math.ceil(retryAfterMs / 1_000)} s.`,
      { pool: namespace, outcome: "not-executed", retryAfterMs },
    );
  }
}
