// Which session of an upstream a call goes through: the one that all share, its client's own, or one for itself.
import type { Clock } from "@fairlead/core";
import type { ClientCapability, PoolConfig, SessionPolicy } from "../config.ts";
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
  readonly config: PoolConfig;
  readonly clientInfo: { readonly name: string; readonly version: string };
  readonly timeoutMs: number;
  readonly clock: Clock;
  /** A message of a client's session that belongs to no call. */
  onServerNotification(replica: Replica, client: SessionClient, message: Buffer, envelope: Envelope): void;
}

export interface ClientSessions {
  readonly policy: SessionPolicy;
  /** How the session introduces itself that lists and pings: what it is offered, clients are offered. */
  readonly hello: Hello;
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
  /** Sessions of clients with this upstream, and their calls without an answer. */
  countsOf(replica: Replica): { readonly sessions: number; readonly inFlight: number };
  /** Ends all sessions with this upstream. */
  close(replica: Replica): Promise<void>;
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
  const { config, clientInfo, timeoutMs, clock } = options;
  const { clientCapabilities = ALL_CAPABILITIES, sessionLimits = {} } = config;
  const policy = config.session ?? defaultPolicy(config);
  const own = ownHello(clientInfo);
  const tables = new Map<Replica, SessionTable>();
  const pins = new Map<string, Replica>();
  const NONE = { sessions: 0, inFlight: 0 };

  return {
    policy,
    hello: policy === "shared" ? own : { ...own, capabilities: allowed(FULLY_CAPABLE) },
    connectionFor(origin, replica) {
      const { connection } = replica;
      if (policy === "shared" || connection === undefined || !replica.keepsSessions) return connection;
      const client = origin.sessionClient();
      return tableOf(replica).connectionFor(
        policy === "ephemeral" && !client.isEphemeral ? { ...client, isEphemeral: true } : client,
      );
    },
    pinOf: ({ client }) => (pins.size === 0 ? undefined : pins.get(client.key)?.id),
    tell: (key, request) => sessionOf(key)?.tell(request),
    notify: (key, message) => void sessionOf(key)?.notify(message),
    forget(key) {
      const replica = pins.get(key);
      if (replica !== undefined) tables.get(replica)?.end(key);
    },
    countsOf(replica) {
      const table = tables.get(replica);
      return table === undefined ? NONE : { sessions: table.size, inFlight: table.inFlight };
    },
    async close(replica) {
      const table = tables.get(replica);
      tables.delete(replica);
      await table?.close();
    },
  };

  function tableOf(replica: Replica): SessionTable {
    const known = tables.get(replica);
    if (known !== undefined) return known;
    const isProcess = replica.config.transport === "stdio";
    const table = createSessionTable({
      replica,
      max: sessionLimits.max ?? (isProcess ? MAX_OF_PROCESSES : MAX_OVER_HTTP),
      idleMs: sessionLimits.idleMs ?? IDLE_MS,
      timeoutMs,
      clock,
      helloOf: ({ hello: { protocolVersion, capabilities, clientInfo = own.clientInfo } }) => ({
        protocolVersion,
        capabilities: allowed(capabilities),
        clientInfo,
      }),
      namespace: config.namespace,
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
    return Object.fromEntries(
      Object.entries(capabilities).filter(([name]) => clientCapabilities.some((known) => known === name)),
    );
  }
}

/** A process is one session: who gives each client one of its own must know that many may run side by side. */
function defaultPolicy({ upstreams }: PoolConfig): SessionPolicy {
  return upstreams.every(({ transport }) => transport !== "stdio") ? "per-client" : "shared";
}
