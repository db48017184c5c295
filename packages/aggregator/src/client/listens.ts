// `subscriptions/listen` of revision 2026-07-28: a long answer to one request, on which changes are told.
import type { Scope } from "../catalog/catalog.ts";
import type { ListKind } from "../catalog/lists.ts";
import { errorMessage, resultMessage, rpcCode } from "../wire/reply.ts";
import { createClient, type Exchange } from "./client.ts";
import { type Listen, type Notifier, SUBSCRIPTION_ID } from "./notifier.ts";

export interface Listens {
  /** Handles a `subscriptions/listen` request. */
  open(exchange: Exchange): void;
  /** Ends the streams on a scope, or all, in order. */
  end(scope?: Scope): void;
}

export interface ListensOptions {
  readonly serverInfo: { readonly name: string; readonly version: string };
  readonly notifier: Notifier;
}

/** Resources that one client, or one stream, may subscribe to. */
export const MAX_SUBSCRIPTIONS = 1_000;

const MAX_LISTENS = 1_024;
const LISTEN_FLAGS: readonly { readonly flag: string; readonly kind: ListKind }[] = [
  { flag: "toolsListChanged", kind: "tools" },
  { flag: "promptsListChanged", kind: "prompts" },
  { flag: "resourcesListChanged", kind: "resources" },
];

export function createListens({ serverInfo, notifier }: ListensOptions): Listens {
  const entries = new Set<{ readonly scope: Scope; end: () => void }>();

  return {
    open,
    end(of) {
      for (const entry of [...entries]) if (of === undefined || entry.scope === of) entry.end();
    },
  };

  function open(exchange: Exchange): void {
    const { scope, message, envelope } = exchange;
    const { notifications } = JSON.parse(
      message.toString("utf8", envelope.params.start, envelope.params.end),
    ) as { notifications?: unknown };
    if (typeof notifications !== "object" || notifications === null) {
      exchange.reply(
        errorMessage(exchange.id, rpcCode.invalidParams, "params.notifications is missing or no object"),
      );
      return;
    }
    if (entries.size >= MAX_LISTENS) {
      exchange.reply(
        errorMessage(exchange.id, rpcCode.internalError, "Too many subscriptions are open; try again later"),
      );
      return;
    }
    const asked = notifications as Record<string, unknown>;
    const uris = Array.isArray(asked["resourceSubscriptions"])
      ? asked["resourceSubscriptions"].filter((uri) => typeof uri === "string")
      : [];
    const routes = uris.slice(0, MAX_SUBSCRIPTIONS).flatMap((uri) => {
      const route = scope.resource(uri);
      return route === undefined ? [] : [{ uri, pool: route.pool }];
    });
    const lists = LISTEN_FLAGS.filter(({ flag }) => asked[flag] === true);
    const id = JSON.parse(exchange.id.toString("utf8")) as string | number;
    const meta = { [SUBSCRIPTION_ID]: id };
    // A client of its own, so that two streams' resource subscriptions end independently.
    const client = createClient(`listen ${exchange.id.toString("utf8")}`, scope, () => {});
    const listen: Listen = {
      client,
      id,
      lists: new Set(lists.map(({ kind }) => kind)),
      resources: new Set(routes.map(({ uri }) => uri)),
      send: (notice) => exchange.notify(notice),
    };
    const close = (): void => {
      entries.delete(entry);
      notifier.removeListen(listen);
      notifier.removeClient(client);
    };
    const entry = {
      scope,
      end(): void {
        close();
        const serverMeta = { ...meta, "io.modelcontextprotocol/serverInfo": serverInfo };
        exchange.reply(
          resultMessage(exchange.id, JSON.stringify({ resultType: "complete", _meta: serverMeta })),
        );
      },
    };
    const honoured = {
      ...Object.fromEntries(lists.map(({ flag }) => [flag, true])),
      ...(routes.length > 0 ? { resourceSubscriptions: routes.map(({ uri }) => uri) } : {}),
    };
    exchange.notify(
      Buffer.from(
        JSON.stringify({
          jsonrpc: "2.0",
          method: "notifications/subscriptions/acknowledged",
          params: { notifications: honoured, _meta: meta },
        }),
      ),
    );
    if (Object.keys(honoured).length === 0) {
      entry.end();
      return;
    }
    exchange.work = { cancel: close };
    entries.add(entry);
    notifier.addListen(listen);
    for (const { pool, uri } of routes) notifier.subscribe(client, pool, uri);
  }
}
