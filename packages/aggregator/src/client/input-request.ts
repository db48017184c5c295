// The three things that a server may ask of a client, and how each era says them.
import { randomUUID } from "node:crypto";
import type { ClientCapability } from "../config.ts";

const CAPABILITIES: Readonly<Record<string, ClientCapability | undefined>> = {
  "sampling/createMessage": "sampling",
  "elicitation/create": "elicitation",
  "roots/list": "roots",
};

/** What a client must have declared to be asked this; undefined for what no client can be asked. */
export function capabilityFor(method: string): ClientCapability | undefined {
  return CAPABILITIES[method];
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
