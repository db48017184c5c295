import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it, vi } from "vitest";
import type { Scope } from "../catalog/catalog.ts";
import type { Exchange } from "./client.ts";
import { createSessions } from "./sessions.ts";

/** What an event says. */
const said = (event: Buffer): string => /^data: (.*)$/m.exec(event.toString())?.[1] ?? "";

const scope = { pools: [] } as unknown as Scope;
const otherScope = { pools: [] } as unknown as Scope;

function setUp({ maxSessions = 3, idleMs = 60_000 } = {}) {
  const clock = createFakeClock();
  const onClose = vi.fn();
  const sessions = createSessions({ maxSessions, idleMs, clock, onOpen: () => {}, onClose });
  const open = () => {
    const session = sessions.open(scope, "2025-11-25");
    if (session === undefined || "refuse" in session) throw new Error("no session");
    return session;
  };
  return { clock, sessions, open, onClose };
}

function runningExchange(cancel: () => void = () => {}): Exchange {
  return { id: Buffer.from("1"), cancel } as Partial<Exchange> as Exchange;
}

describe("sessions", () => {
  it("have ids that cannot be guessed, and are found by them on their own path only", () => {
    const { sessions, open } = setUp();
    const a = open();
    const b = open();
    expect(a.id).toMatch(/^[\w-]{32}$/);
    expect(a.id).not.toBe(b.id);
    expect(sessions.use(a.id, scope)).toBe(a);
    expect(sessions.use(a.id, otherScope)).toBeUndefined();
    expect(sessions.use("nonsense", scope)).toBeUndefined();
  });

  it("belong to the caller that opened them, and to whoever has the id when nobody was identified", () => {
    const { sessions, open } = setUp();
    const owned = sessions.open(scope, "2025-11-25", { id: "ada", priority: 7 });
    if (owned === undefined || "refuse" in owned) throw new Error("no session");
    expect(owned.caller).toEqual({ id: "ada", priority: 7 });
    expect(sessions.use(owned.id, scope, { id: "ada" })).toBe(owned);
    expect(sessions.use(owned.id, scope, { id: "bob" })).toBeUndefined();
    expect(sessions.use(owned.id, scope)).toBeUndefined();
    const [first, second] = [open(), open()];
    expect(sessions.use(first.id, scope)).toBe(first);
    expect(first.caller.id).not.toBe(second.caller.id);
    expect(first.caller.id).not.toContain(first.id);
  });

  it("end after idleness, counted from their last use", async () => {
    const { clock, sessions, open } = setUp({ idleMs: 60_000 });
    const used = open();
    const idle = open();
    await clock.advance(50_000);
    sessions.use(used.id, scope);
    await clock.advance(50_000);
    expect(sessions.use(idle.id, scope)).toBeUndefined();
    expect(sessions.use(used.id, scope)).toBe(used);
    sessions.closeAll();
  });

  it("are not idle while a stream is open or a call runs", async () => {
    const { clock, sessions, open } = setUp({ idleMs: 1_000 });
    const listening = open();
    const detach = listening.attach({ send: () => {}, end: () => {} });
    const calling = open();
    calling.client.running.add(runningExchange());
    await clock.advance(200_000);
    expect(sessions.size).toBe(2);
    detach();
    for (const one of calling.client.running.values()) calling.client.running.delete(one);
    await clock.advance(200_000);
    expect(sessions.size).toBe(0);
  });

  it("make room by ending the one that was idle for longest, and refuse when none is", async () => {
    const { clock, sessions, open, onClose } = setUp({ maxSessions: 2 });
    const first = open();
    const second = open();
    await clock.advance(1_000);
    sessions.use(first.id, scope);
    const third = open();
    expect(onClose).toHaveBeenCalledExactlyOnceWith(second.client);
    for (const session of [first, third]) session.attach({ send: () => {}, end: () => {} });
    expect(sessions.open(scope, "2025-11-25")).toBeUndefined();
  });

  it("keep a bounded backlog for a client without a stream, and hand it to the next one", () => {
    const { open } = setUp();
    const { client, attach } = open();
    for (let at = 0; at < 1_000; at++) client.push(Buffer.from(String(at)));
    const seen: string[] = [];
    const detach = attach({ send: (event) => seen.push(said(event)), end: () => {} });
    expect(seen).toEqual(Array.from({ length: 64 }, (_, at) => String(at)));
    client.push(Buffer.from("live"));
    expect(seen.at(-1)).toBe("live");
    detach();
  });

  it("keep no backlog of large messages, so that many idle sessions stay small", () => {
    const { open } = setUp();
    const { client, attach } = open();
    for (let at = 0; at < 10; at++) client.push(Buffer.alloc(20 * 1024, "x"));
    client.push(Buffer.from("small"));
    const seen: number[] = [];
    attach({ send: (event) => seen.push(said(event).length), end: () => {} });
    expect(seen).toEqual([20_480, 20_480, 20_480, 5]);
  });

  it("give what they have to say to the newest stream only", () => {
    const { open } = setUp();
    const { client, attach } = open();
    const older: string[] = [];
    const newer: string[] = [];
    attach({ send: (event) => older.push(said(event)), end: () => {} });
    attach({ send: (event) => newer.push(said(event)), end: () => {} });
    client.push(Buffer.from("once"));
    expect([older, newer]).toEqual([[], ["once"]]);
  });

  it("end their streams and cancel their calls when they are closed", () => {
    const { sessions, open } = setUp();
    const session = open();
    const end = vi.fn();
    const cancel = vi.fn();
    session.attach({ send: () => {}, end });
    session.client.running.add(runningExchange(cancel));
    sessions.close(session);
    expect([end, cancel].map((mock) => mock.mock.calls.length)).toEqual([1, 1]);
  });
});

describe("sessions of one caller", () => {
  it("replace the one that was idle for longest where they are bounded, and never somebody else's", async () => {
    const clock = createFakeClock();
    const open = new Map<string, number>();
    const refusal = { refuse: { code: -1, status: 429, message: "", data: {} } };
    const sessions = createSessions({
      maxSessions: 100,
      idleMs: 60_000,
      clock,
      gate: {
        admit: () => undefined,
        admitSession({ id }, hasIdle) {
          const count = open.get(id) ?? 0;
          if (count >= 2) return hasIdle ? "replace" : refusal;
          open.set(id, count + 1);
          return () => void open.set(id, (open.get(id) ?? 0) - 1);
        },
      },
      onOpen: () => {},
      onClose: () => {},
    });
    const begin = async (id: string) => {
      await clock.advance(2_000);
      const session = sessions.open(scope, "2025-11-25", { id });
      if (session === undefined || "refuse" in session) throw new Error("no session");
      return session;
    };
    const bob = await begin("bob");
    const [first, second] = [await begin("ada"), await begin("ada")];
    sessions.use(first.id, scope, { id: "ada" });
    first.client.running.add(runningExchange());
    const third = await begin("ada");
    // The first one is older, but not idle.
    expect(sessions.use(second.id, scope, { id: "ada" })).toBeUndefined();
    expect(sessions.use(first.id, scope, { id: "ada" })).toBe(first);
    expect(sessions.use(bob.id, scope, { id: "bob" })).toBe(bob);
    third.client.running.add(runningExchange());
    expect(sessions.open(scope, "2025-11-25", { id: "ada" })).toBe(refusal);
    sessions.close(third);
    await begin("ada");
    expect(open).toEqual(
      new Map([
        ["bob", 1],
        ["ada", 2],
      ]),
    );
  });
});
