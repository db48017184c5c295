// One client's own session with one upstream. It is opened by its first request, which waits here meanwhile, and looks
// like any other connection to who calls through it.
import type { Clock } from "@fairlead/core";
import type { Envelope } from "../wire/envelope.ts";
import type {
  ConnectionListener,
  ServerRequest,
  UpstreamConnection,
  UpstreamExchange,
  UpstreamFailure,
} from "./connection.ts";
import { ControlError, controlRequest, type Hello } from "./control.ts";
import { LEGACY_TARGET } from "./request-target.ts";
import type { OpenSession } from "./target.ts";

/** A request that a session is told when it opens, such as the log level. */
export interface KeptRequest {
  /** What the server must have declared to be asked. */
  readonly capability: string;
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

/** What a client said of itself. */
export interface ClientHello extends Omit<Hello, "clientInfo"> {
  readonly clientInfo: Hello["clientInfo"] | undefined;
}

/** Who a session is for. */
export interface SessionClient {
  /** Tells clients apart. */
  readonly key: string;
  /** Nobody comes back to this session: it is for one call. */
  readonly isEphemeral: boolean;
  /** How the client introduces itself, where it does. */
  readonly hello: ClientHello;
  /** What it asked of a pool so far, and wants of every session that knows the capability. */
  kept(namespace: string): readonly KeptRequest[];
  /** A message of the session that belongs to no call. */
  onServerNotification(message: Buffer, envelope: Envelope): void;
  /** A question of the session that belongs to no certain call. */
  onServerRequest(request: ServerRequest): void;
}

export interface ClientSessionOptions {
  readonly client: SessionClient;
  readonly timeoutMs: number;
  readonly clock: Clock;
  kept(): readonly KeptRequest[];
  onServerNotification(message: Buffer, envelope: Envelope): void;
  open(listener: ConnectionListener): Promise<OpenSession>;
  /** It has ended, and takes no more requests. */
  onEnd(session: ClientSession): void;
}

export interface ClientSession extends UpstreamConnection {
  readonly client: SessionClient;
  /** When the last request was sent, on the clock that was injected. */
  readonly usedAt: number;
  /** Sends a request of the gateway's own, if the session stands and the server has the capability. */
  tell(request: KeptRequest): void;
}

interface Waiting {
  readonly exchange: UpstreamExchange;
  /** Its id in the session, once it was sent. */
  sentAs: number | undefined;
}

/** Nothing is opened before the first request. */
export function createClientSession(options: ClientSessionOptions): ClientSession {
  const { client, timeoutMs, clock } = options;
  let opening: Promise<void> | undefined;
  let open: OpenSession | undefined;
  let ended = false;
  let usedAt = clock.now();
  let lastId = 0;
  /** Requests that came while the session was being opened; under negative ids, which no connection gives. */
  const waiting = new Map<number, Waiting>();

  const listener: ConnectionListener = {
    onServerNotification: options.onServerNotification,
    onServerRequest(request, exchange) {
      if (exchange?.onServerRequest === undefined) client.onServerRequest(request);
      else exchange.onServerRequest(request);
    },
    onDown: end,
  };

  const session: ClientSession = {
    client,
    target: LEGACY_TARGET,
    get usedAt() {
      return usedAt;
    },
    get isOpen() {
      // One that is not open yet is opened by what is sent.
      return !ended && (open?.connection.isOpen ?? true);
    },
    get inFlight() {
      return (open?.connection.inFlight ?? 0) + unsent();
    },
    get lastHeardAt() {
      return open?.connection.lastHeardAt ?? usedAt;
    },
    send(exchange) {
      usedAt = clock.now();
      const lasting = client.isEphemeral ? endsSession(exchange) : exchange;
      if (open !== undefined) return open.connection.send(lasting);
      const id = --lastId;
      waiting.set(id, { exchange: lasting, sentAs: undefined });
      opening ??= openNow();
      return id;
    },
    cancel(id, reason) {
      const early = waiting.get(id);
      if (id > 0) open?.connection.cancel(id, reason);
      else if (early?.sentAs !== undefined) open?.connection.cancel(early.sentAs, reason);
      else waiting.delete(id);
      if (client.isEphemeral) void session.close();
    },
    notify: (message) => open?.connection.notify(message) ?? Promise.resolve(),
    tell({ method, params, capability }) {
      if (open?.info.capabilities[capability] === undefined) return;
      // A server that refuses a log level or a subscription is no reason not to use it.
      controlRequest(open.connection, method, params, timeoutMs, clock).catch(() => {});
    },
    async close() {
      end();
      await opening;
      await open?.close();
    },
  };
  return session;

  async function openNow(): Promise<void> {
    try {
      open = await options.open(listener);
      if (ended) throw new Error("it was closed while it was opened");
      const { connection, info } = open;
      const kept = options.kept().filter(({ capability }) => info.capabilities[capability] !== undefined);
      await Promise.allSettled(
        kept.map(({ method, params }) => controlRequest(connection, method, params, timeoutMs, clock)),
      );
      for (const entry of waiting.values()) entry.sentAs = connection.send(entry.exchange);
    } catch (error) {
      end();
      const failure = failureOf(error);
      const entries = [...waiting.values()];
      waiting.clear();
      for (const { exchange } of entries) exchange.onFailure(failure);
    }
  }

  function unsent(): number {
    let count = 0;
    for (const { sentAs } of waiting.values()) if (sentAs === undefined) count++;
    return count;
  }

  function end(): void {
    if (ended) return;
    ended = true;
    options.onEnd(session);
  }

  /** The same exchange, after whose end the session ends too. */
  function endsSession(exchange: UpstreamExchange): UpstreamExchange {
    const { method } = exchange;
    return {
      method,
      encode: (id, target) => exchange.encode(id, target),
      traceFields: () => exchange.traceFields?.() ?? [],
      onNotification: (message, envelope) => exchange.onNotification(message, envelope),
      onPause: (retryMs) => exchange.onPause?.(retryMs),
      onServerRequest(request) {
        if (exchange.onServerRequest === undefined) client.onServerRequest(request);
        else exchange.onServerRequest(request);
      },
      onLongAnswer(resume) {
        const sink = exchange.onLongAnswer?.(resume);
        if (sink === undefined) return undefined;
        return {
          id: sink.id,
          begin: () => sink.begin(),
          write: (part) => sink.write(part),
          end() {
            void session.close();
            sink.end();
          },
        };
      },
      onAnswer(message, envelope) {
        void session.close();
        exchange.onAnswer(message, envelope);
      },
      onFailure(failure) {
        void session.close();
        exchange.onFailure(failure);
      },
    };
  }
}

/** Whatever kept the session from being opened, the request itself was not sent. */
function failureOf(error: unknown): UpstreamFailure {
  const message = error instanceof Error ? error.message : String(error);
  const { kind = "transport", ...facts } = (error instanceof ControlError && error.failure) || {};
  // A session that could not be opened is none that was lost: the next try would fail the same way.
  const isLost = kind === "session-lost" || kind === "closed";
  return {
    ...facts,
    executed: "no",
    kind: isLost ? "transport" : kind,
    message: `no session: ${message}`,
    cause: error,
  };
}
