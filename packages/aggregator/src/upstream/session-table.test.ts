import { createFakeClock, type FakeClock } from "@fairlead/core/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { scanEnvelope } from "../wire/envelope.ts";
import type { KeptRequest, SessionClient } from "./client-session.ts";
import type {
  ConnectionListener,
  UpstreamConnection,
  UpstreamExchange,
  UpstreamFailure,
} from "./connection.ts";
import { ControlError, type Hello } from "./control.ts";
import type { Replica } from "./replica.ts";
import { LEGACY_TARGET } from "./request-target.ts";
import { createSessionTable, type SessionTable } from "./session-table.ts";
import type { OpenSession } from "./target.ts";

const hello: Hello = { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "c" } };

interface Opened {
  readonly listener: ConnectionListener;
  readonly exchanges: UpstreamExchange[];
  readonly cancelled: number[];
  closed: boolean;
}

let clock: FakeClock;
let opened: Opened[];
let refuse: Error | undefined;
let changes: string[];

/** A server that opens every session, and answers what the gateway itself asks. */
function tableOf({ max = 3, idleMs = 60_000 } = {}): SessionTable {
  const replica = {
    id: "r",
    openSession: async (_hello: Hello, listener: ConnectionListener): Promise<OpenSession> => {
      await Promise.resolve();
      if (refuse !== undefined) throw refuse;
      const session: Opened = { listener, exchanges: [], cancelled: [], closed: false };
      opened.push(session);
      const connection: UpstreamConnection = {
        target: LEGACY_TARGET,
        isOpen: true,
        get inFlight() {
          return session.exchanges.length;
        },
        lastHeardAt: 0,
        send(exchange) {
          session.exchanges.push(exchange);
          if (exchange.method === "logging/setLevel") answer(session, exchange);
          return session.exchanges.length;
        },
        cancel: (id) => void session.cancelled.push(id),
        notify: () => Promise.resolve(),
        close: () => Promise.resolve(),
      };
      const close = async (): Promise<void> => {
        session.closed = true;
      };
      return { connection, info: { capabilities: { logging: {} } } as never, close };
    },
  } as unknown as Replica;
  return createSessionTable({
    replica,
    max,
    idleMs,
    timeoutMs: 1_000,
    clock,
    namespace: "pool",
    helloOf: () => hello,
    onServerNotification: () => {},
    onChange: (key, exists) => changes.push(`${exists ? "+" : "-"}${key}`),
  });
}

function clientOf(key: string, more: Partial<SessionClient> = {}): SessionClient {
  return {
    key,
    isEphemeral: false,
    hello,
    kept: () => [],
    onServerNotification: () => {},
    onServerRequest: () => {},
    ...more,
  };
}

function exchangeOf(log: string[] = [], method = "tools/call"): UpstreamExchange {
  return {
    method,
    encode: () => Buffer.alloc(0),
    onNotification: () => {},
    onAnswer: () => log.push("answer"),
    onFailure: ({ executed, kind }: UpstreamFailure) => log.push(`${kind} ${executed}`),
  };
}

function answer(session: Opened, exchange: UpstreamExchange): void {
  session.exchanges.splice(session.exchanges.indexOf(exchange), 1);
  const message = Buffer.from('{"jsonrpc":"2.0","id":1,"result":{}}');
  exchange.onAnswer(message, scanEnvelope(message));
}

/** Lets what was opened be opened. */
async function settle(): Promise<void> {
  for (let at = 0; at < 20; at++) await Promise.resolve();
}

beforeEach(() => {
  clock = createFakeClock();
  opened = [];
  changes = [];
  refuse = undefined;
});

describe("sessions of clients with one upstream", () => {
  it("are one for each client, opened by its first request, which waits meanwhile", async () => {
    const table = tableOf();
    const a = clientOf("a");
    table.connectionFor(a).send(exchangeOf());
    table.connectionFor(a).send(exchangeOf());
    table.connectionFor(clientOf("b")).send(exchangeOf());
    expect(opened).toEqual([]);
    await settle();
    expect(opened.map(({ exchanges }) => exchanges.length)).toEqual([2, 1]);
    expect(changes).toEqual(["+a", "+b"]);
    await table.close();
    expect(opened.every(({ closed }) => closed)).toBe(true);
    expect(changes).toEqual(["+a", "+b", "-a", "-b"]);
  });

  it("are told what their client asked for before its first request", async () => {
    const kept: KeptRequest[] = [
      { capability: "logging", method: "logging/setLevel", params: { level: "error" } },
      { capability: "resources", method: "resources/subscribe", params: { uri: "u:1" } },
    ];
    const log: string[] = [];
    const table = tableOf();
    table.connectionFor(clientOf("a", { kept: () => kept })).send(exchangeOf(log));
    await settle();
    // The server declared no resources, so it is not asked to subscribe.
    expect(opened[0]?.exchanges.map(({ method }) => method)).toEqual(["tools/call"]);
  });

  it("that cannot be opened fail what waited, as not executed, and are tried anew with the next request", async () => {
    const log: string[] = [];
    const table = tableOf();
    refuse = new ControlError("no", { failure: { executed: "maybe", kind: "refused", message: "HTTP 403" } });
    table.connectionFor(clientOf("a")).send(exchangeOf(log));
    await settle();
    expect(log).toEqual(["refused no"]);
    expect(table.size).toBe(0);
    refuse = undefined;
    table.connectionFor(clientOf("a")).send(exchangeOf(log));
    await settle();
    expect(opened).toHaveLength(1);
  });

  it("make room by ending the one that was idle for longest, and refuse when all are busy", async () => {
    const table = tableOf({ max: 2 });
    for (const key of ["a", "b"]) {
      table.connectionFor(clientOf(key)).send(exchangeOf());
      await clock.advance(2_000);
    }
    const log: string[] = [];
    table.connectionFor(clientOf("c")).send(exchangeOf(log));
    await settle();
    expect(log).toEqual(["closed no"]);
    const [first, second] = opened;
    for (const session of [first, second]) {
      const [exchange] = session?.exchanges ?? [];
      if (session !== undefined && exchange !== undefined) answer(session, exchange);
    }
    table.connectionFor(clientOf("a")).send(exchangeOf());
    table.connectionFor(clientOf("c")).send(exchangeOf(log));
    await settle();
    expect([first?.closed, second?.closed]).toEqual([false, true]);
    expect(table.size).toBe(2);
  });

  it("end after idleness, but not while a request runs", async () => {
    const table = tableOf({ idleMs: 60_000 });
    for (const key of ["busy", "idle"]) table.connectionFor(clientOf(key)).send(exchangeOf());
    await settle();
    const [, idle] = opened;
    const [exchange] = idle?.exchanges ?? [];
    if (idle !== undefined && exchange !== undefined) answer(idle, exchange);
    await clock.advance(200_000);
    expect(opened.map(({ closed }) => closed)).toEqual([false, true]);
    await table.close();
    expect(clock.pending).toBe(0);
  });

  it("for one request end with it, however it ends", async () => {
    const table = tableOf({ max: 10 });
    const once = (key: string): SessionClient => clientOf(key, { isEphemeral: true });
    const log: string[] = [];
    const ids = ["a", "b", "c"].map((key) => {
      const connection = table.connectionFor(once(key));
      return { connection, id: connection.send(exchangeOf(log)) };
    });
    await settle();
    const [a, b] = opened;
    if (a?.exchanges[0] !== undefined) answer(a, a.exchanges[0]);
    b?.exchanges[0]?.onFailure({ executed: "maybe", kind: "transport", message: "broken" });
    ids[2]?.connection.cancel(ids[2].id, "enough");
    await settle();
    expect(log).toEqual(["answer", "transport maybe"]);
    expect(opened.map(({ closed, cancelled }) => [closed, cancelled])).toEqual([
      [true, []],
      [true, []],
      [true, [1]],
    ]);
    expect(table.size).toBe(0);
    expect(changes).toEqual([]);
  });

  it("that are lost are replaced with the next request", async () => {
    const table = tableOf();
    table.connectionFor(clientOf("a")).send(exchangeOf());
    await settle();
    opened[0]?.listener.onDown({ executed: "no", kind: "session-lost", message: "gone" });
    expect(changes).toEqual(["+a", "-a"]);
    table.connectionFor(clientOf("a")).send(exchangeOf());
    await settle();
    expect(opened).toHaveLength(2);
  });

  it("that end while they are opened run nothing", async () => {
    const log: string[] = [];
    const table = tableOf();
    table.connectionFor(clientOf("a")).send(exchangeOf(log));
    table.end("a");
    await settle();
    expect(log).toEqual(["transport no"]);
    expect(opened.map(({ closed, exchanges }) => [closed, exchanges.length])).toEqual([[true, 0]]);
  });
});
