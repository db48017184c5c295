// Which session of an upstream a call goes through: the one that all share, its client's own, or one for itself.
import type { Clock } from "@fairlead/core";
import type { ClientCapability, PoolConfig, SessionPolicy, UpstreamConfig } from "../config.ts";
import type { ClientSession, KeptRequest, SessionClient } from "../upstream/client-session.ts";
import type { UpstreamConnection } from "../upstream/connection.ts";
import { type Hello, ownHello } from "../upstream/control.ts";
import type { Replica } from "../upstream/replica.ts";
import { createSessionTable, type SessionTable } from "../upstream/session-table.ts";
import type { Envelope } from "../wire/envelope.ts";

/** Where a call comes from. */
export interface RequestOrigin {
  /** Tells the client apart from others. */
  readonly client: { readonly key: string };
  /** Who its upstream session is for; only asked where there is one. */
  sessionClient(): SessionClient;
}

export interface ClientSessionsOptions {
  /** The pool's options as they are now. */
  readonly config: () => PoolConfig;
  /** Its upstreams as they are now. */
  readonly upstreams: () => Iterable<UpstreamConfig>;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly timeoutMs: () => number;
  readonly clock: Clock;
  /** A message of a client's session that belongs to no call. */
  onServerNotification(replica: Replica, client: SessionClient, message: Buffer, envelope: Envelope): void;
}

export interface ClientSessions {
  policy(): SessionPolicy;
  /** How the session introduces itself that lists and pings: what it is offered, clients are offered. */
  hello(): Hello;
  /** What a call goes through on this upstream; undefined when it is not connected. */
  connectionFor(origin: RequestOrigin, replica: Replica): UpstreamConnection | undefined;
  /** The upstream that the client has its session with. */
  pinOf(origin: RequestOrigin): string | undefined;
  /** Sends a request of the gateway's own to the client's session, if it has one and the server the capability. */
  tell(key: string, request: KeptRequest): void;
  /** Sends a notification of the client to its session, if it has one. */
  notify(key: string, message: Buffer): void;
  /** A client has gone. */
  forget(key: string): void;
  /** How many sessions clients have with this upstream. */
  sizeOf(replica: Replica): number;
  /** Ends all sessions with this upstream. */
  close(replica: Replica): Promise<void>;
  closeAll(): Promise<void>;
}

const MAX_OF_PROCESSES = 32;
const MAX_OVER_HTTP = 1_000;
const IDLE_MS = 1_800_000;
const ALL_CAPABILITIES: readonly ClientCapability[] = ["sampling", "elicitation", "roots"];
/** What a session that nobody stands behind declares, so that the server lists what it has for capable clients. */
const FULLY_CAPABLE: Readonly<Record<ClientCapability, object>> = {
  sampling: {},
  elicitation: { form: {}, url: {} },
  roots: { listChanged: true },
};

export function createClientSessions(options: ClientSessionsOptions): ClientSessions {
  const { config, upstreams, clock } = options;
  const own = ownHello(options.clientInfo);
  const tables = new Map<Replica, SessionTable>();
  const pins = new Map<string, Replica>();

  return {
    policy,
    hello: () => (policy() === "shared" ? own : { ...own, capabilities: allowed(FULLY_CAPABLE) }),
    connectionFor(origin, replica) {
      const { connection } = replica;
      if (connection === undefined || !replica.keepsSessions) return connection;
      const current = policy();
      if (current === "shared") return connection;
      const client = origin.sessionClient();
      return tableOf(replica).connectionFor(
        current === "ephemeral" && !client.isEphemeral ? { ...client, isEphemeral: true } : client,
      );
    },
    pinOf: ({ client }) => (pins.size === 0 ? undefined : pins.get(client.key)?.id),
    tell: (key, request) => sessionOf(key)?.tell(request),
    notify: (key, message) => void sessionOf(key)?.notify(message),
    forget(key) {
      const replica = pins.get(key);
      if (replica !== undefined) tables.get(replica)?.end(key);
    },
    sizeOf: (replica) => tables.get(replica)?.size ?? 0,
    close,
    async closeAll() {
      await Promise.all([...tables.keys()].map(close));
    },
  };

  /** A process is one session: who gives each client one of its own must know that many may run side by side. */
  function policy(): SessionPolicy {
    const { session } = config();
    if (session !== undefined) return session;
    for (const { transport } of upstreams()) if (transport === "stdio") return "shared";
    return "per-client";
  }

  async function close(replica: Replica): Promise<void> {
    const table = tables.get(replica);
    tables.delete(replica);
    await table?.close();
  }

  function tableOf(replica: Replica): SessionTable {
    const known = tables.get(replica);
    if (known !== undefined) return known;
    const { sessionLimits = {}, namespace } = config();
    const isProcess = replica.config.transport === "stdio";
    const table = createSessionTable({
      replica,
      max: sessionLimits.max ?? (isProcess ? MAX_OF_PROCESSES : MAX_OVER_HTTP),
      idleMs: sessionLimits.idleMs ?? IDLE_MS,
      timeoutMs: options.timeoutMs(),
      clock,
      helloOf: ({ hello: { protocolVersion, capabilities, clientInfo = own.clientInfo } }) => ({
        protocolVersion,
        capabilities: allowed(capabilities),
        clientInfo,
      }),
      namespace,
      onServerNotification: (client, message, envelope) =>
        options.onServerNotification(replica, client, message, envelope),
      onChange(key, exists) {
        if (exists) pins.set(key, replica);
        else if (pins.get(key) === replica) pins.delete(key);
      },
    });
    tables.set(replica, table);
    return table;
  }

  function sessionOf(key: string): ClientSession | undefined {
    const replica = pins.get(key);
    return replica === undefined ? undefined : tables.get(replica)?.get(key);
  }

  function allowed(capabilities: Readonly<Record<string, unknown>>): Record<string, unknown> {
    const { clientCapabilities = ALL_CAPABILITIES } = config();
    return Object.fromEntries(
      Object.entries(capabilities).filter(([name]) => clientCapabilities.some((known) => known === name)),
    );
  }
}
