// A client as the sessions see it that upstreams keep for it: how it introduces itself, what it has asked for, and where
// its messages go.
import { LEGACY_PROTOCOL_VERSION } from "../era.ts";
import type { ClientHello, KeptRequest, SessionClient } from "../upstream/client-session.ts";
import { type Envelope, META_CLIENT_INFO, textOf } from "../wire/envelope.ts";
import { type Client, type Exchange, LOG_LEVELS } from "./client.ts";
import { severityOf } from "./forward.ts";

let ephemeral = 0;

/** Who the upstream session of a request is for: its client, or for what has no session, the request alone. */
export function sessionClientOf(exchange: Exchange): SessionClient {
  const { client } = exchange;
  if (exchange.era === "legacy" && client.hello !== undefined) {
    client.sessionClient ??= ofSession(client, client.hello, exchange);
    return client.sessionClient;
  }
  return ofRequest(exchange);
}

function ofSession(client: Client, hello: ClientHello, { observer }: Exchange): SessionClient {
  return {
    key: client.key,
    isEphemeral: false,
    hello,
    kept: (namespace) => [...keptLevel(client.logLevel), ...keptSubscriptions(client, namespace)],
    onServerNotification(message, envelope) {
      if (isWanted(client, message, envelope)) client.push(message);
    },
    onServerRequest: (request) => observer?.askedBySession(client, request),
  };
}

function ofRequest(exchange: Exchange): SessionClient {
  const { message, envelope } = exchange;
  const level = LOG_LEVELS.indexOf(textOf(message, envelope.metaLogLevel) ?? "");
  const logLevel = level === -1 ? undefined : level;
  ephemeral++;
  return {
    key: `request ${ephemeral}`,
    isEphemeral: true,
    hello: {
      protocolVersion: LEGACY_PROTOCOL_VERSION,
      capabilities: declared(exchange),
      clientInfo: introduced(exchange),
    },
    kept: () => keptLevel(logLevel),
    onServerNotification(notification, noted) {
      if (logLevel === undefined || noted.method !== "notifications/message") return;
      if (severityOf(notification, noted) >= logLevel) exchange.notify(notification);
    },
    onServerRequest: (request) => exchange.observer?.asked(exchange, request),
  };
}

function isWanted(client: Client, message: Buffer, envelope: Envelope): boolean {
  switch (envelope.method) {
    case "notifications/message":
      return severityOf(message, envelope) >= (client.logLevel ?? 0);
    case "notifications/resources/updated":
      return client.subscriptions.has(textOf(message, envelope.uri) ?? "");
    default:
      return true;
  }
}

function keptLevel(level: number | undefined): KeptRequest[] {
  if (level === undefined) return [];
  return [{ capability: "logging", method: "logging/setLevel", params: { level: LOG_LEVELS[level] } }];
}

function keptSubscriptions({ subscriptions, scope }: Client, namespace: string): KeptRequest[] {
  return [...subscriptions]
    .filter((uri) => scope.resource(uri)?.pool.namespace === namespace)
    .map((uri) => ({ capability: "resources", method: "resources/subscribe", params: { uri } }));
}

/** What a modern client says in its request it can do; a request without a session can be asked nothing. */
function declared({ era, message, envelope: { metaCapabilities } }: Exchange): Record<string, unknown> {
  if (era === "legacy" || metaCapabilities.start === -1) return {};
  return JSON.parse(message.toString("utf8", metaCapabilities.start, metaCapabilities.end)) as Record<
    string,
    unknown
  >;
}

function introduced({ message, envelope: { meta } }: Exchange): ClientHello["clientInfo"] {
  if (meta.start === -1) return undefined;
  const members = JSON.parse(message.toString("utf8", meta.start, meta.end)) as Record<string, unknown>;
  const info = members[META_CLIENT_INFO];
  return typeof info === "object" && info !== null ? { ...info } : undefined;
}
