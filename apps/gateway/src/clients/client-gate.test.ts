import type { GateRequest, Refusal, RequestWatch } from "@fairlead/aggregator";
import { createFakeClock, type FakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { type ClientGate, createClientGate } from "./client-gate.ts";
import { type ClientsSettings, DEFAULT_LIMITS } from "./settings.ts";

const DEFAULTS: ClientsSettings = {
  anonymous: "loopback",
  maxClients: 20,
  idleMs: 300_000,
  limits: DEFAULT_LIMITS,
  breaker: { failureThreshold: 6, resetTimeoutMs: 30_000 },
  known: {},
};

function setUp(settings: Partial<ClientsSettings> = {}): { gate: ClientGate; clock: FakeClock } {
  const clock = createFakeClock();
  return { gate: createClientGate({ settings: { ...DEFAULTS, ...settings }, clock }), clock };
}

function request(id: string, method = "tools/call", bytes = 100): GateRequest {
  return {
    caller: { id },
    era: "legacy",
    method,
    name: "t",
    bytes,
    params: undefined,
    meta: undefined,
    headers: undefined,
  };
}

function limitOf(decision: Refusal | RequestWatch | undefined): unknown {
  return decision !== undefined && "refuse" in decision ? decision.refuse.data["limit"] : "admitted";
}

function end(
  decision: Refusal | RequestWatch | undefined,
  outcome: "ok" | "error" = "ok",
  code?: string,
  bytes = 10,
): void {
  if (decision === undefined || "refuse" in decision) throw new Error("was not admitted");
  decision.onEnd?.({ outcome, code, bytes, attempts: 1 });
}

describe("the client gate", () => {
  it("grants 100 requests a minute to each client, and tells the rest how long to wait", async () => {
    const { gate, clock } = setUp();
    for (let i = 0; i < 100; i++) end(gate.admit(request("a")));
    const decision = gate.admit(request("a"));
    expect(decision).toMatchObject({
      refuse: {
        code: -31_429,
        status: 429,
        retryAfterMs: 600,
        message: "A client may send at most 100 requests a minute. Try again in 1 s.",
        data: { code: "RATE_LIMITED", limit: "requests", client: "a" },
      },
    });
    expect(limitOf(gate.admit(request("b")))).toBe("admitted");
    expect(gate.admit(request("a", "ping"))).toBeUndefined();
    await clock.advance(600);
    expect(limitOf(gate.admit(request("a")))).toBe("admitted");
    expect(limitOf(gate.admit(request("a")))).toBe("requests");
  });

  it("bounds the clients that are active, and counts idle ones no more", async () => {
    const { gate, clock } = setUp();
    for (let i = 0; i < 20; i++) end(gate.admit(request(`c${i}`)));
    expect(gate.admit(request("c20"))).toMatchObject({ refuse: { status: 503, data: { limit: "clients" } } });
    expect(limitOf(gate.admit(request("c19")))).toBe("admitted");
    await clock.advance(300_000);
    expect(limitOf(gate.admit(request("c20")))).toBe("admitted");
    // c19's request is still under way, so it stays active whatever the time.
    expect(
      gate
        .clients()
        .filter(({ active }) => active)
        .map(({ id }) => id),
    ).toEqual(["c19", "c20"]);
  });

  it("bounds requests at a time, and streams apart from them", () => {
    const { gate } = setUp({ limits: { ...DEFAULT_LIMITS, concurrency: 2, streams: 1 } });
    const first = gate.admit(request("a"));
    gate.admit(request("a"));
    expect(limitOf(gate.admit(request("a")))).toBe("concurrency");
    end(first);
    expect(limitOf(gate.admit(request("a")))).toBe("admitted");
    const listen = gate.admit(request("a", "subscriptions/listen"));
    expect(limitOf(listen)).toBe("admitted");
    expect(gate.admitStream({ id: "a" })).toMatchObject({ refuse: { data: { limit: "streams" } } });
    end(listen);
    const close = gate.admitStream({ id: "a" });
    expect(close).toBeTypeOf("function");
    expect(limitOf(gate.admit(request("a", "subscriptions/listen")))).toBe("streams");
    if (typeof close === "function") close();
    expect(limitOf(gate.admit(request("a", "subscriptions/listen")))).toBe("admitted");
  });

  it("bounds sessions: a further one replaces an idle one, or waits", () => {
    const { gate } = setUp({ limits: { ...DEFAULT_LIMITS, sessions: 2 } });
    const first = gate.admitSession({ id: "a" }, false);
    gate.admitSession({ id: "a" }, true);
    expect(gate.admitSession({ id: "a" }, true)).toBe("replace");
    expect(gate.admitSession({ id: "a" }, false)).toMatchObject({
      refuse: { status: 429, data: { limit: "sessions", client: "a" } },
    });
    expect(gate.admitSession({ id: "b" }, false)).toBeTypeOf("function");
    expect(gate.clients().find(({ id }) => id === "a")).toMatchObject({ sessions: 2, usage: { refused: 1 } });
    // A client that changes its limits is not forgotten while it has sessions.
    gate.update({ ...DEFAULTS, limits: { ...DEFAULT_LIMITS, sessions: 1 } });
    expect(gate.admitSession({ id: "a" }, false)).toMatchObject({ refuse: { data: { limit: "sessions" } } });
    if (typeof first === "function") first();
    expect(gate.admitSession({ id: "a" }, false)).toBeTypeOf("function");
  });

  it("counts an `initialize` as a request, and takes no idle session from who may not send one", async () => {
    const { gate, clock } = setUp({ limits: { ...DEFAULT_LIMITS, requestsPerMinute: 3, sessions: 2 } });
    for (let i = 0; i < 2; i++) expect(gate.admitSession({ id: "a" }, false)).toBeTypeOf("function");
    // To be told to make room costs nothing.
    expect(gate.admitSession({ id: "a" }, true)).toBe("replace");
    end(gate.admit(request("a")));
    expect(gate.admitSession({ id: "a" }, true)).toMatchObject({
      refuse: { status: 429, data: { limit: "requests" }, retryAfterMs: 20_000 },
    });
    expect(gate.clients()).toMatchObject([{ id: "a", usage: { requests: 3, refused: 1 } }]);
    await clock.advance(20_000);
    expect(gate.admitSession({ id: "a" }, true)).toBe("replace");
  });

  it("lets a client that reconnects and lists everything do so many times a minute", () => {
    const { gate } = setUp();
    for (let i = 0; i < 20; i++) {
      const leave = gate.admitSession({ id: "a" }, false);
      expect(leave).toBeTypeOf("function");
      for (const method of ["tools/list", "prompts/list", "resources/list"])
        end(gate.admit(request("a", method)));
      if (typeof leave === "function") leave();
    }
  });

  it("counts the bytes of requests and answers, and lets a debt run off", async () => {
    const { gate, clock } = setUp({ limits: { ...DEFAULT_LIMITS, bytesPerMinute: 6_000 } });
    end(gate.admit(request("a", "tools/call", 1_000)), "ok", undefined, 11_000);
    expect(gate.admit(request("a"))).toMatchObject({
      refuse: { retryAfterMs: 60_010, data: { limit: "bytes" } },
    });
    await clock.advance(60_020);
    expect(limitOf(gate.admit(request("a")))).toBe("admitted");
  });

  it("pauses a client after six wrong requests in a row, tries one after 30 s, and blames nobody for servers", async () => {
    const { gate, clock } = setUp();
    for (let i = 0; i < 10; i++) end(gate.admit(request("a")), "error", "NO_SERVERS_AVAILABLE");
    for (let i = 0; i < 5; i++) end(gate.admit(request("a")), "error", "-32602");
    end(gate.admit(request("a")));
    for (let i = 0; i < 6; i++) end(gate.admit(request("a")), "error", "-32602");
    expect(gate.admit(request("a"))).toMatchObject({
      refuse: { status: 429, data: { code: "CLIENT_PAUSED", limit: "breaker" } },
    });
    expect(limitOf(gate.admit(request("b")))).toBe("admitted");
    await clock.advance(30_000);
    end(gate.admit(request("a")), "error", "-32602");
    expect(limitOf(gate.admit(request("a")))).toBe("breaker");
    expect(gate.resetBreaker("a")).toBe(true);
    end(gate.admit(request("a")));
    expect(gate.clients().find(({ id }) => id === "a")).toMatchObject({
      breaker: "closed",
      usage: { errors: 22, refused: 2 },
    });
  });

  it("gives a known client its own limits, also new ones at run time", () => {
    const known = { alice: { keySha256: [], limits: { requestsPerMinute: 1 } } };
    const { gate } = setUp({ known });
    end(gate.admit(request("alice")));
    expect(limitOf(gate.admit(request("alice")))).toBe("requests");
    gate.update({ ...DEFAULTS, known: { alice: { keySha256: [], limits: { requestsPerMinute: 2 } } } });
    end(gate.admit(request("alice")));
    end(gate.admit(request("alice")));
    expect(limitOf(gate.admit(request("alice")))).toBe("requests");
    // Names of Object.prototype are names like any other.
    expect(limitOf(gate.admit(request("constructor")))).toBe("admitted");
  });

  it("remembers a bounded number of clients", () => {
    const { gate } = setUp({ maxClients: 0 });
    for (let i = 0; i < 1_500; i++) end(gate.admit(request(`c${i}`)));
    expect(gate.clients()).toHaveLength(1_000);
  });
});
