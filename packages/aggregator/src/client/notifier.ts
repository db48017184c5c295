// Everything that servers say on their own account, to the clients that may hear it: list changes, resource updates
// and log messages. One upstream subscription each, fanned out here.
import type { ListKind } from "../catalog/lists.ts";
import type { Pool } from "../pool/pool.ts";
import { type Envelope, textOf } from "../wire/envelope.ts";
import { notificationMessage } from "../wire/reply.ts";
import { ANONYMOUS, type Client, LOG_LEVELS } from "./client.ts";
import { severityOf } from "./forward.ts";

/** A `subscriptions/listen` stream of the modern era. */
export interface Listen {
  readonly client: Client;
  /** Parsed id of the listen request: its subscription id. */
  readonly id: string | number;
  readonly lists: ReadonlySet<ListKind>;
  readonly resources: ReadonlySet<string>;
  send(message: Buffer): void;
}

export interface Notifier {
  addClient(client: Client): void;
  removeClient(client: Client): void;
  addListen(listen: Listen): void;
  removeListen(listen: Listen): void;
  /** Subscribes a client to a resource of a pool. */
  subscribe(client: Client, pool: Pool, uri: string): void;
  unsubscribe(client: Client, pool: Pool, uri: string): void;
  /** Asks the upstreams for log messages down to this severity. */
  wantLogs(pools: readonly Pool[], level: number): void;
  /** A client uses a pool: from the second one on, what cannot be told apart is told to nobody. */
  noteUse(client: Client, pool: Pool): void;
  listChanged(pool: Pool, kinds: readonly ListKind[]): void;
  /** Forgets a pool that is gone. */
  removePool(pool: Pool): void;
  serverNotification(pool: Pool, message: Buffer, envelope: Envelope): void;
}

export const SUBSCRIPTION_ID = "io.modelcontextprotocol/subscriptionId";

const LIST_NOTIFICATIONS: Readonly<Record<ListKind, string>> = {
  tools: "notifications/tools/list_changed",
  resources: "notifications/resources/list_changed",
  resourceTemplates: "notifications/resources/list_changed",
  prompts: "notifications/prompts/list_changed",
};
const UPDATE_DELAY_MS = 20;
const SEVERAL = Symbol("several clients");

export function createNotifier(): Notifier {
  const clients = new Set<Client>();
  const listens = new Set<Listen>();
  /** Per pool and URI, who subscribed. */
  const subscribers = new Map<Pool, Map<string, Set<Client>>>();
  const users = new Map<Pool, string | typeof SEVERAL>();
  const logLevels = new Map<Pool, number>();
  const updates = new Set<string>();

  return {
    addClient: (client) => void clients.add(client),
    removeClient(client) {
      clients.delete(client);
      for (const [pool, uris] of subscribers) {
        for (const uri of [...uris.keys()]) unsubscribe(client, pool, uri);
      }
    },
    addListen: (listen) => void listens.add(listen),
    removeListen: (listen) => void listens.delete(listen),
    subscribe,
    unsubscribe,
    wantLogs(pools, level) {
      for (const pool of pools) {
        if (level >= (logLevels.get(pool) ?? LOG_LEVELS.length)) continue;
        logLevels.set(pool, level);
        pool.keep("logging", { method: "logging/setLevel", params: { level: LOG_LEVELS[level] } });
      }
    },
    noteUse(client, pool) {
      const user = users.get(pool);
      if (user === undefined) users.set(pool, client.key);
      else if (user !== client.key) users.set(pool, SEVERAL);
    },
    listChanged,
    removePool(pool) {
      subscribers.delete(pool);
      users.delete(pool);
      logLevels.delete(pool);
    },
    serverNotification(pool, message, envelope) {
      if (envelope.method === "notifications/resources/updated")
        resourceUpdated(textOf(message, envelope.uri));
      else if (envelope.method === "notifications/message") logged(pool, message, envelope);
    },
  };

  function subscribe(client: Client, pool: Pool, uri: string): void {
    client.subscriptions.add(uri);
    const uris = subscribers.get(pool) ?? new Map<string, Set<Client>>();
    subscribers.set(pool, uris);
    const who = uris.get(uri);
    if (who !== undefined) {
      who.add(client);
      return;
    }
    uris.set(uri, new Set([client]));
    pool.keep(`subscribe ${uri}`, { method: "resources/subscribe", params: { uri } });
  }

  function unsubscribe(client: Client, pool: Pool, uri: string): void {
    const who = subscribers.get(pool)?.get(uri);
    if (who?.delete(client) !== true) return;
    client.subscriptions.delete(uri);
    if (who.size > 0) return;
    subscribers.get(pool)?.delete(uri);
    pool.drop(`subscribe ${uri}`, { method: "resources/unsubscribe", params: { uri } });
  }

  function listChanged(pool: Pool, kinds: readonly ListKind[]): void {
    for (const method of new Set(kinds.map((kind) => LIST_NOTIFICATIONS[kind]))) {
      const message = notificationMessage(method);
      for (const client of clients) {
        if (client.scope.pools.includes(pool)) client.push(message);
      }
      for (const listen of listens) {
        const wanted = [...listen.lists].some((kind) => LIST_NOTIFICATIONS[kind] === method);
        if (wanted && listen.client.scope.pools.includes(pool))
          listen.send(notificationMessage(method, metaOf(listen)));
      }
    }
  }

  /** Every replica of a pool tells of the same update; clients hear of it once. */
  function resourceUpdated(uri: string | undefined): void {
    if (uri === undefined || updates.has(uri)) return;
    updates.add(uri);
    setTimeout(() => {
      updates.delete(uri);
      const message = notificationMessage("notifications/resources/updated", { uri });
      for (const client of clients) {
        if (client.subscriptions.has(uri)) client.push(message);
      }
      for (const listen of listens) {
        if (listen.resources.has(uri)) {
          listen.send(notificationMessage("notifications/resources/updated", { uri, ...metaOf(listen) }));
        }
      }
    }, UPDATE_DELAY_MS);
  }

  /** Sessions with upstreams are shared: a log message of one goes to a client only while it is the only one. */
  function logged(pool: Pool, message: Buffer, envelope: Envelope): void {
    const user = users.get(pool);
    if (user === undefined || user === SEVERAL || user === ANONYMOUS) return;
    const severity = severityOf(message, envelope);
    for (const client of clients) {
      if (client.key === user && severity >= (client.logLevel ?? 0)) client.push(message);
    }
  }
}

function metaOf({ id }: Listen): { _meta: Record<string, unknown> } {
  return { _meta: { [SUBSCRIPTION_ID]: id } };
}
