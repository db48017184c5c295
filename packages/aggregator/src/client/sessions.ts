// Legacy HTTP sessions: unguessable ids, a bound on their number, an end after idleness.
import { randomBytes } from "node:crypto";
import type { Clock } from "@fairlead/core";
import type { Caller } from "../caller.ts";
import type { Scope } from "../catalog/catalog.ts";
import { setTimerOn } from "../timer.ts";
import { type Client, createClient } from "./client.ts";
import { createEventLog, type EventReader } from "./event-log.ts";
import type { Gate, Refusal } from "./gate.ts";
import { createReplyStreams, createWaitingRoom, type ReplyStreams } from "./reply-streams.ts";

export interface HttpSession {
  readonly id: string;
  readonly client: Client;
  readonly caller: Caller;
  /** Id of the caller that the front named when it was opened; only the same one may use it. */
  readonly owner: string | undefined;
  readonly protocolVersion: string;
  readonly streams: ReadonlySet<EventReader>;
  /** The streams of its calls. */
  readonly replies: ReplyStreams;
  /**
   * Opens a stream for messages that answer no request; the newest one gets them. It begins behind the event `after`, or
   * with what nobody has seen yet. Returns how to take it away.
   */
  attach(stream: EventReader, after?: number): () => void;
  /** Ends its own streams, and forgets those of its calls. */
  closeStreams(): void;
  usedAt: number;
}

export interface Sessions {
  readonly size: number;
  readonly streams: number;
  /** Answers that wait for clients which were told to come back for them. */
  readonly expected: number;
  /** Opens a session, or says why not; undefined when there are too many in all and none is idle. */
  open(scope: Scope, protocolVersion: string, caller?: Caller): HttpSession | Refusal | undefined;
  /** Finds a session and marks it as used. One that another caller opened is as unknown as one that never was. */
  use(id: string, scope: Scope, caller?: Caller): HttpSession | undefined;
  close(session: HttpSession): void;
  /** Ends all sessions on a scope. */
  closeScope(scope: Scope): void;
  closeAll(): void;
}

export interface SessionsOptions {
  readonly maxSessions: number;
  readonly idleMs: number;
  readonly clock: Clock;
  /** Bounds the sessions of each caller. */
  readonly gate?: Gate | undefined;
  readonly onOpen: (client: Client) => void;
  readonly onClose: (client: Client) => void;
}

const SWEEP_MS = 30_000;
const ORDER_MS = 1_000;

export function createSessions(options: SessionsOptions): Sessions {
  const { maxSessions, idleMs, clock, gate, onOpen, onClose } = options;
  /** In the order of last use, to the second. */
  const sessions = new Map<string, HttpSession>();
  /** What to call at the end of a session that was admitted. */
  const passes = new WeakMap<HttpSession, () => void>();
  const room = createWaitingRoom();
  let opened = 0;
  let stopSweeping = sweepLater();

  return {
    get size() {
      return sessions.size;
    },
    get streams() {
      let count = 0;
      for (const { streams } of sessions.values()) count += streams.size;
      return count;
    },
    get expected() {
      return room.expected;
    },
    open,
    use(id, scope, caller) {
      const session = sessions.get(id);
      if (session === undefined || session.client.scope !== scope || session.owner !== caller?.id)
        return undefined;
      const now = clock.now();
      // The order is kept to the second: moving an entry on every request would replace the table every few requests.
      if (now - session.usedAt >= ORDER_MS) {
        sessions.delete(id);
        sessions.set(id, session);
        session.usedAt = now;
      }
      return session;
    },
    close,
    closeScope(scope) {
      for (const session of [...sessions.values()]) if (session.client.scope === scope) close(session);
    },
    closeAll() {
      stopSweeping();
      for (const session of [...sessions.values()]) close(session);
    },
  };

  function open(
    scope: Scope,
    protocolVersion: string,
    caller: Caller | undefined,
  ): HttpSession | Refusal | undefined {
    const pass = caller === undefined ? undefined : passOf(caller);
    if (typeof pass === "object") return pass;
    if (sessions.size >= maxSessions && !closeIdle()) {
      pass?.();
      return undefined;
    }
    const id = randomBytes(24).toString("base64url");
    const own = createEventLog(0);
    const streams = new Set<EventReader>();
    let replies: ReplyStreams | undefined;
    const client = createClient(id, scope, (message) => void own.add(message, false));
    const attach = (stream: EventReader, after?: number): (() => void) => {
      streams.add(stream);
      const stop = own.read(after, stream);
      return () => {
        streams.delete(stream);
        stop();
      };
    };
    const session: HttpSession = {
      id,
      client,
      caller: caller ?? { id: `session-${++opened}` },
      owner: caller?.id,
      protocolVersion,
      streams,
      get replies() {
        replies ??= createReplyStreams(clock, room);
        return replies;
      },
      closeStreams() {
        replies?.close();
        for (const stream of [...streams]) stream.end();
      },
      attach,
      usedAt: clock.now(),
    };
    if (pass !== undefined) passes.set(session, pass);
    sessions.set(id, session);
    onOpen(client);
    return session;
  }

  function close(session: HttpSession): void {
    if (!sessions.delete(session.id)) return;
    passes.get(session)?.();
    onClose(session.client);
    for (const exchange of session.client.running.values()) exchange.cancel();
    session.closeStreams();
  }

  /** The timer does not keep the process alive. */
  function sweepLater(): () => void {
    return setTimerOn(
      clock,
      () => {
        sweep();
        stopSweeping = sweepLater();
      },
      SWEEP_MS,
    );
  }

  function sweep(): void {
    const limit = clock.now() - idleMs;
    for (const session of sessions.values()) {
      if (session.usedAt > limit) return;
      if (isIdle(session)) close(session);
    }
  }

  function passOf(caller: Caller): Refusal | (() => void) | undefined {
    const idle = firstIdle(caller.id);
    const verdict = gate?.admitSession?.(caller, idle !== undefined);
    if (verdict !== "replace") return verdict;
    if (idle !== undefined) close(idle);
    return passOf(caller);
  }

  /** Ends the session that was idle for longest. */
  function closeIdle(): boolean {
    const idle = firstIdle();
    if (idle !== undefined) close(idle);
    return idle !== undefined;
  }

  function firstIdle(owner?: string): HttpSession | undefined {
    for (const session of sessions.values())
      if ((owner === undefined || session.owner === owner) && isIdle(session)) return session;
    return undefined;
  }
}

function isIdle({ streams, client }: HttpSession): boolean {
  return streams.size === 0 && client.running.size === 0;
}
