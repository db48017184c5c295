// The three things that a server may ask of a client, and how each era says them.
import { randomUUID } from "node:crypto";
import type { ClientCapability } from "../config.ts";
import type { ServerRequest } from "../upstream/connection.ts";
import { membersOf } from "../wire/members.ts";
import { errorMessage, rpcCode } from "../wire/reply.ts";
import type { Exchange } from "./client.ts";

const CAPABILITIES: Readonly<Record<string, ClientCapability | undefined>> = {
  "sampling/createMessage": "sampling",
  "elicitation/create": "elicitation",
  "roots/list": "roots",
};

/** What a client must have declared to be asked this; undefined for what no client can be asked. */
function capabilityFor(method: string): ClientCapability | undefined {
  return CAPABILITIES[method];
}

/** Whether the client of a request has declared that it can be asked this, in its session or in the request. */
export function canBeAsked(exchange: Exchange, method: string): boolean {
  const capability = capabilityFor(method);
  if (capability === undefined) return false;
  const { era, client, message, envelope } = exchange;
  return era === "modern"
    ? membersOf(message, envelope.metaCapabilities).has(capability)
    : client.hello?.capabilities[capability] !== undefined;
}

/**
 * Tells the server that it cannot ask this. A modern client hears what it would have to declare, in the place of an answer:
 * its revision wants that, and a server that asks what was not declared has no other answer.
 */
export function refuseQuestion(exchange: Exchange, { message, envelope, reply }: ServerRequest): void {
  const id = message.subarray(envelope.id.start, envelope.id.end);
  const capability = capabilityFor(envelope.method);
  if (exchange.era === "modern" && capability !== undefined) {
    const why = `The server asks ${envelope.method}, for which the client has not declared the capability ${capability}`;
    const data = { requiredCapabilities: { [capability]: {} } };
    exchange.work?.cancel(why);
    exchange.reply(errorMessage(exchange.id, rpcCode.missingClientCapability, why, data), 400);
  }
  reply(errorMessage(id, rpcCode.methodNotFound, `The client cannot be asked ${envelope.method}`));
}

/** A legacy client's capabilities in the modern era's words, as far as `allowed` says. */
export function modernCapabilities(
  legacy: Readonly<Record<string, unknown>>,
  allowed: readonly ClientCapability[] | undefined,
): Record<string, unknown> {
  const { sampling, elicitation, roots } = legacy;
  const modern = {
    sampling,
    // Before there were two modes there was the form.
    elicitation: isEmpty(elicitation) ? { form: {} } : elicitation,
    roots: roots === undefined ? undefined : {},
  };
  return Object.fromEntries(
    Object.entries(modern).filter(
      ([name, value]) => value !== undefined && (allowed?.some((known) => known === name) ?? true),
    ),
  );
}

/** The parameters of a question as the modern era prints them: a URL has no id of its own there. */
export function modernParams(params: Buffer | undefined): string {
  if (params === undefined) return "{}";
  const text = params.toString("utf8");
  if (!text.includes("elicitationId")) return text;
  const { elicitationId: _id, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify(rest);
}

/** The parameters of a question as the legacy era prints them: there a URL has an id. */
export function legacyParams(params: Buffer | undefined): string {
  if (params === undefined) return "{}";
  const text = params.toString("utf8");
  if (!text.includes('"url"')) return text;
  const parsed = JSON.parse(text) as Record<string, unknown>;
  return parsed["mode"] === "url" ? JSON.stringify({ ...parsed, elicitationId: randomUUID() }) : text;
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
