// Grants each request of each client, or refuses it with the time to wait. One gate for all transports, so that a client
// cannot get more by using another one.
import type { Caller, Gate, GateRequest, Refusal, RequestEnd } from "@fairlead/aggregator";
import { type Clock, systemClock } from "@fairlead/core";
import {
  type ClientState,
  type ClientUsage,
  createClientState,
  type LimitName,
  refusal,
} from "./client-state.ts";
import type { ClientsSettings } from "./settings.ts";

/** One client in lists for people. */
interface ClientReport {
  readonly id: string;
  readonly known: boolean;
  readonly active: boolean;
  readonly inFlight: number;
  readonly streams: number;
  readonly sessions: number;
  readonly breaker: "closed" | "open" | "half-open" | "off";
  /** Milliseconds since its last request. */
  readonly idleMs: number;
  readonly usage: Readonly<ClientUsage>;
}

export interface ClientGate extends Gate {
  admitStream(caller: Caller): Refusal | (() => void);
  admitSession(caller: Caller, hasIdle: boolean): Refusal | "replace" | (() => void);
  clients(): readonly ClientReport[];
  /** Takes over new settings; clients whose limits changed start with full buckets. */
  update(settings: ClientsSettings): void;
  /** Ends the pause of a client; false when it is not known. */
  resetBreaker(id: string): boolean;
}

export interface ClientGateOptions {
  readonly settings: ClientsSettings;
  readonly clock?: Clock;
  readonly onRefusal?: (client: string, limit: LimitName) => void;
}

/** Clients that are remembered; those that have been idle the longest are forgotten first. */
const MAX_REMEMBERED = 1_000;
/** Errors that only the client can cause: what it sent was wrong, or took longer than it may. */
const OWN_FAULTS: ReadonlySet<string> = new Set([
  "-32700",
  "-32600",
  "-32601",
  "-32602",
  "DEADLINE_EXCEEDED",
]);

export function createClientGate({
  settings: initial,
  clock = systemClock,
  onRefusal = () => {},
}: ClientGateOptions): ClientGate {
  let settings = initial;
  const states = new Map<string, ClientState>();

  return {
    admit(request) {
      // A client that asks whether the gateway is alive is answered in any case.
      if (request.method === "ping") return undefined;
      const state = stateOf(request.caller.id);
      if ("refuse" in state) return state;
      const isStream = request.method === "subscriptions/listen";
      const refused = check(state, isStream);
      if (refused !== undefined) return refused;
      return begin(state, request, isStream);
    },
    admitStream(caller) {
      const state = stateOf(caller.id);
      if ("refuse" in state) return state;
      if (isOver(state.streams, state.limits.streams)) return tooManyStreams(state);
      state.streams++;
      return () => {
        state.streams--;
        state.usedAt = clock.now();
      };
    },
    admitSession(caller, hasIdle) {
      const state = stateOf(caller.id);
      if ("refuse" in state) return state;
      // `initialize` is a request as any other. Asked first: who may not send one must not lose an idle session for it.
      const requestMs = state.tokenWaitMs();
      if (requestMs > 0) return tooManyRequests(state, requestMs);
      const { sessions: limit } = state.limits;
      if (isOver(state.sessions, limit)) {
        if (hasIdle) return "replace";
        return refuse(state, "sessions", `A client may have at most ${limit} sessions open.`, 1_000);
      }
      state.takeToken();
      state.usage.requests++;
      state.sessions++;
      return () => {
        state.sessions--;
      };
    },
    clients: () => [...states.values()].map(report),
    update(next) {
      settings = next;
      for (const [id, state] of states) {
        const limits = limitsOf(id);
        const changed = Object.entries(limits).some(
          ([name, value]) => state.limits[name as keyof typeof limits] !== value,
        );
        if (changed && !isBound(state)) states.delete(id);
      }
    },
    resetBreaker(id) {
      const state = states.get(id);
      state?.breaker?.reset();
      return state !== undefined;
    },
  };

  function stateOf(id: string): ClientState | Refusal {
    const known = states.get(id);
    if (known !== undefined) {
      known.usedAt = clock.now();
      return known;
    }
    const active = settings.maxClients === 0 ? 0 : [...states.values()].filter(isActive).length;
    if (settings.maxClients > 0 && active >= settings.maxClients) {
      onRefusal(id, "clients");
      const text = `The gateway serves at most ${settings.maxClients} clients at a time.`;
      return refusal(id, "clients", text, 5_000);
    }
    const { breaker } = settings;
    const state = createClientState(id, { limits: limitsOf(id), breaker, clock });
    states.set(id, state);
    if (states.size > MAX_REMEMBERED) forgetOne();
    return state;
  }

  function limitsOf(id: string): ClientState["limits"] {
    const own = Object.hasOwn(settings.known, id) ? settings.known[id]?.limits : undefined;
    const given = Object.entries(own ?? {}).filter(([, value]) => value !== undefined);
    return { ...settings.limits, ...Object.fromEntries(given) };
  }

  function check(state: ClientState, isStream: boolean): Refusal | undefined {
    const { limits } = state;
    if (isStream && isOver(state.streams, limits.streams)) return tooManyStreams(state);
    if (!isStream && isOver(state.inFlight, limits.concurrency)) {
      const text = `A client may have at most ${limits.concurrency} requests under way.`;
      return refuse(state, "concurrency", text, 1_000);
    }
    const bytesMs = state.bytes.retryAfterMs();
    if (bytesMs > 0) {
      const text = `A client may send and receive at most ${limits.bytesPerMinute} bytes a minute.`;
      return refuse(state, "bytes", text, bytesMs);
    }
    const requestMs = state.tokenWaitMs();
    if (requestMs > 0) return tooManyRequests(state, requestMs);
    state.takeToken();
    return undefined;
  }

  function begin(
    state: ClientState,
    { method, bytes }: GateRequest,
    isStream: boolean,
  ): Refusal | { onEnd(end: RequestEnd): void } {
    const permit = isStream ? undefined : state.breaker?.tryAcquire();
    if (permit === 0) {
      const wait = state.breaker?.retryAfterMs() ?? 1_000;
      return refuse(state, "breaker", "This client is paused after too many wrong requests in a row.", wait);
    }
    const { usage } = state;
    usage.requests++;
    usage.bytesIn += bytes;
    if (method === "tools/call") usage.toolCalls++;
    state.bytes.add(bytes);
    if (isStream) state.streams++;
    else state.inFlight++;
    return {
      onEnd(end) {
        if (isStream) state.streams--;
        else state.inFlight--;
        state.usedAt = clock.now();
        usage.bytesOut += end.bytes;
        state.bytes.add(end.bytes);
        if (end.outcome === "error") usage.errors++;
        else if (end.outcome === "tool-error") usage.toolErrors++;
        else if (end.outcome === "cancelled") usage.cancelled++;
        if (permit !== undefined) state.breaker?.release(permit, blameOf(end));
      },
    };
  }

  function tooManyRequests(state: ClientState, waitMs: number): Refusal {
    const text = `A client may send at most ${state.limits.requestsPerMinute} requests a minute.`;
    return refuse(state, "requests", text, waitMs);
  }

  function tooManyStreams(state: ClientState): Refusal {
    const text = `A client may have at most ${state.limits.streams} streams open.`;
    return refuse(state, "streams", text, 1_000);
  }

  function refuse(state: ClientState, limit: LimitName, text: string, retryAfterMs: number): Refusal {
    state.usage.refused++;
    onRefusal(state.id, limit);
    return refusal(state.id, limit, text, retryAfterMs);
  }

  function isActive({ inFlight, streams, usedAt }: ClientState): boolean {
    return inFlight > 0 || streams > 0 || clock.now() - usedAt < settings.idleMs;
  }

  function forgetOne(): void {
    let oldest: ClientState | undefined;
    for (const state of states.values()) {
      if (isBound(state)) continue;
      if (oldest === undefined || state.usedAt < oldest.usedAt) oldest = state;
    }
    if (oldest !== undefined) states.delete(oldest.id);
  }

  function report(state: ClientState): ClientReport {
    const { id, inFlight, streams, sessions, usage, breaker, usedAt } = state;
    return {
      id,
      known: Object.hasOwn(settings.known, id),
      active: isActive(state),
      inFlight,
      streams,
      sessions,
      breaker: breaker?.state.status ?? "off",
      idleMs: Math.round(clock.now() - usedAt),
      usage: { ...usage },
    };
  }
}

/** Whether something that counts against its limits is still open: it must be found when that ends. */
function isBound({ inFlight, streams, sessions }: ClientState): boolean {
  return inFlight > 0 || streams > 0 || sessions > 0;
}

function isOver(used: number, limit: number): boolean {
  return limit > 0 && used >= limit;
}

/** Failures of servers are no fault of the client, and say nothing about it. */
function blameOf({ outcome, code }: RequestEnd): "success" | "failure" | "ignored" {
  if (outcome === "ok" || outcome === "tool-error") return "success";
  return outcome === "error" && code !== undefined && OWN_FAULTS.has(code) ? "failure" : "ignored";
}
