// What a pool's upstreams are asked to tell: kept here, so that those that join later, or come back, are asked as well. A
// legacy server is asked by one request each; a modern one by the one stream that it is listened to on.
import type { Clock } from "@fairlead/core";
import type { ListKind } from "../catalog/lists.ts";
import type { UpstreamConnection } from "../upstream/connection.ts";
import { controlRequest } from "../upstream/control.ts";
import { createUpstreamListen, type UpstreamListen } from "../upstream/listen.ts";
import type { Replica } from "../upstream/replica.ts";
import type { OpenUpstream } from "../upstream/target.ts";

/** A request in a legacy server's words. */
export interface KeptRequest {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

export interface SubscriptionsOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  readonly replicas: () => Iterable<Replica>;
  /** What the replica told may have been missed: its lists have to be read again. */
  readonly onMissed: (replica: Replica) => void;
}

export interface Subscriptions {
  keep(key: string, request: KeptRequest): void;
  /** Forgets what was kept under the key, and sends `request` to the legacy servers. */
  drop(key: string, request?: KeptRequest): void;
  /** Asks a new connection for everything that is kept. Resolves when it has been asked; never rejects. */
  connected(replica: Replica, open: OpenUpstream): Promise<void>;
  disconnected(replica: Replica): void;
}

const SUBSCRIBE = "resources/subscribe";
const LIST_FLAGS: readonly { readonly capability: ListKind; readonly flag: string }[] = [
  { capability: "tools", flag: "toolsListChanged" },
  { capability: "prompts", flag: "promptsListChanged" },
  { capability: "resources", flag: "resourcesListChanged" },
];

export function createSubscriptions(options: SubscriptionsOptions): Subscriptions {
  const { clock, timeoutMs, replicas, onMissed } = options;
  const kept = new Map<string, KeptRequest>();
  const listens = new Map<Replica, UpstreamListen>();

  return {
    keep(key, request) {
      kept.set(key, request);
      tellAll(request);
    },
    drop(key, request) {
      kept.delete(key);
      if (request !== undefined) tellAll(request);
    },
    async connected(replica, open) {
      if (open.info.era === "modern") {
        await listenTo(replica, open);
        return;
      }
      // A server that does not know a subscription any more is no reason not to use it.
      await Promise.allSettled([...kept.values()].map((request) => ask(open.connection, request)));
    },
    disconnected(replica) {
      listens.get(replica)?.stop();
      listens.delete(replica);
    },
  };

  function tellAll(request: KeptRequest): void {
    for (const replica of replicas()) {
      const { connection } = replica;
      if (connection === undefined) continue;
      if (connection.target.era === "legacy") ask(connection, request).catch(() => {});
      else if (request.method.startsWith("resources/")) void listens.get(replica)?.renew();
    }
  }

  async function ask(connection: UpstreamConnection, { method, params }: KeptRequest): Promise<void> {
    await controlRequest(connection, method, params, timeoutMs, clock);
  }

  function listenTo(replica: Replica, { connection, info }: OpenUpstream): Promise<void> {
    listens.get(replica)?.stop();
    const listen = createUpstreamListen(connection, {
      clock,
      filter: () => filterFor(info.capabilities),
      onBroken: () => replica.suspect(),
      onResumed: () => onMissed(replica),
    });
    listens.set(replica, listen);
    return listen.renew();
  }

  function filterFor(capabilities: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
    const declares = (name: string, feature: string): boolean =>
      (capabilities[name] as Readonly<Record<string, unknown>> | undefined)?.[feature] === true;
    const flags = LIST_FLAGS.filter(({ capability }) => declares(capability, "listChanged"));
    const uris = declares("resources", "subscribe")
      ? [...kept.values()].flatMap(({ method, params }) => (method === SUBSCRIBE ? [params["uri"]] : []))
      : [];
    return {
      ...Object.fromEntries(flags.map(({ flag }) => [flag, true])),
      ...(uris.length === 0 ? {} : { resourceSubscriptions: uris }),
    };
  }
}
