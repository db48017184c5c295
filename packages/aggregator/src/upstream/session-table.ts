// The sessions that clients have with one upstream: bounded in number, ended after idleness or with their client.
import type { Clock } from "@fairlead/core";
import { setTimerOn } from "../timer.ts";
import type { Envelope } from "../wire/envelope.ts";
import { type ClientSession, createClientSession, type SessionClient } from "./client-session.ts";
import type { UpstreamConnection, UpstreamExchange } from "./connection.ts";
import type { Hello } from "./control.ts";
import type { Replica } from "./replica.ts";
import { LEGACY_TARGET } from "./request-target.ts";

export interface SessionTableOptions {
  readonly replica: Replica;
  readonly max: number;
  readonly idleMs: number;
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** The pool that the upstream belongs to. */
  readonly namespace: string;
  helloOf(client: SessionClient): Hello;
  /** A message of a session that belongs to no call. */
  onServerNotification(client: SessionClient, message: Buffer, envelope: Envelope): void;
  /** A client got a session here, or lost it. */
  onChange(key: string, exists: boolean): void;
}

export interface SessionTable {
  readonly size: number;
  /** The client's session, or a new one; what it sends fails when there are too many. */
  connectionFor(client: SessionClient): UpstreamConnection;
  get(key: string): ClientSession | undefined;
  /** Ends the session of a client that is gone. */
  end(key: string): void;
  /** Ends all; resolves when their processes are gone. */
  close(): Promise<void>;
}

const SWEEP_MS = 30_000;
const ORDER_MS = 1_000;

export function createSessionTable(options: SessionTableOptions): SessionTable {
  const { replica, max, idleMs, timeoutMs, clock } = options;
  /** Of clients that come back, in the order of last use, to the second. */
  const byClient = new Map<string, ClientSession>();
  /** All that have not ended. */
  const sessions = new Set<ClientSession>();
  const closing = new Set<Promise<void>>();
  let stopSweeping: (() => void) | undefined;

  return {
    get size() {
      return sessions.size;
    },
    connectionFor(client) {
      const known = byClient.get(client.key);
      if (known !== undefined) {
        // The order is kept to the second: moving an entry on every call would replace the table every few calls.
        if (clock.now() - known.usedAt >= ORDER_MS) {
          byClient.delete(client.key);
          byClient.set(client.key, known);
        }
        return known;
      }
      if (sessions.size >= max && !evict()) return full(replica.id, max);
      return add(client);
    },
    get: (key) => byClient.get(key),
    end(key) {
      const session = byClient.get(key);
      if (session !== undefined) close(session);
    },
    async close() {
      for (const session of [...sessions]) close(session);
      await Promise.all(closing);
    },
  };

  function add(client: SessionClient): ClientSession {
    const session = createClientSession({
      client,
      timeoutMs,
      clock,
      kept: () => client.kept(options.namespace),
      open: (listener) => replica.openSession(options.helloOf(client), listener),
      onServerNotification: (message, envelope) => options.onServerNotification(client, message, envelope),
      onEnd: remove,
    });
    sessions.add(session);
    if (!client.isEphemeral) {
      byClient.set(client.key, session);
      options.onChange(client.key, true);
    }
    stopSweeping ??= sweepLater();
    return session;
  }

  function remove(session: ClientSession): void {
    sessions.delete(session);
    const { key } = session.client;
    if (byClient.get(key) === session) {
      byClient.delete(key);
      options.onChange(key, false);
    }
    if (sessions.size === 0) {
      stopSweeping?.();
      stopSweeping = undefined;
    }
  }

  function close(session: ClientSession): void {
    const closed = session.close().finally(() => closing.delete(closed));
    closing.add(closed);
  }

  function evict(): boolean {
    for (const session of byClient.values()) {
      if (session.inFlight > 0) continue;
      close(session);
      return true;
    }
    return false;
  }

  /** The timer does not keep the process alive. */
  function sweepLater(): () => void {
    return setTimerOn(
      clock,
      () => {
        const limit = clock.now() - idleMs;
        for (const session of [...byClient.values()]) {
          if (session.usedAt <= limit && session.inFlight === 0) close(session);
        }
        if (sessions.size > 0) stopSweeping = sweepLater();
      },
      Math.min(SWEEP_MS, idleMs),
    );
  }
}

/** A connection that takes nothing. */
function full(upstream: string, max: number): UpstreamConnection {
  return {
    target: LEGACY_TARGET,
    // It takes calls, to tell them what is wrong.
    isOpen: true,
    inFlight: 0,
    lastHeardAt: 0,
    send(exchange: UpstreamExchange) {
      const message = `${upstream} has ${max} sessions, and all of them are busy`;
      queueMicrotask(() => exchange.onFailure({ executed: "no", kind: "closed", message }));
      return 0;
    },
    cancel() {},
    notify: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
