import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Scope } from "../catalog/catalog.ts";
import type { ClientCapability } from "../config.ts";
import { modernTarget } from "../upstream/request-target.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import { splice } from "../wire/splice.ts";
import { createClient, type Exchange } from "./client.ts";
import { headersForModern, spliceForModern } from "./to-modern.ts";

const target = modernTarget({ name: "gateway", version: "1" });
const scope = {} as Scope;
const entry = {
  key: "t",
  bytes: Buffer.alloc(0),
  nameSpan: { start: 0, end: 0 },
  repeatable: false,
  readOnly: false,
  headerParams: [{ field: "mcp-param-region", path: ["region"] }],
  only: undefined,
};

function exchangeOf(era: "legacy" | "modern", text: string, more: Partial<Exchange> = {}): Exchange {
  const message = Buffer.from(text);
  const envelope = scanEnvelope(message);
  return {
    era,
    client: createClient("c", scope, () => {}),
    caller: { id: "c" },
    track: undefined,
    scope,
    message,
    envelope,
    id: message.subarray(envelope.id.start, envelope.id.end),
    name: undefined,
    headers: undefined,
    reply: () => {},
    replyWith: () => {},
    replyInParts: () => undefined,
    fail: () => {},
    capabilities: undefined,
    notify: () => {},
    pause: () => {},
    drop: () => {},
    cancel: () => {},
    hold: (responder) => responder,
    sessionClient: () => {
      throw new Error("not asked here");
    },
    work: undefined,
    observer: undefined,
    ...more,
  };
}

function printed(exchange: Exchange, allowed?: readonly ClientCapability[]): string {
  const splices: Parameters<typeof spliceForModern>[0] = [];
  spliceForModern(splices, exchange, target, allowed);
  return splice(exchange.message, splices).toString();
}

const VERSION = '"io.modelcontextprotocol/protocolVersion":"2026-07-28"';
const NONE = '"io.modelcontextprotocol/clientCapabilities":{}';
const INFO = '"io.modelcontextprotocol/clientInfo":{"name":"gateway","version":"1"}';
const call = (params: string): string => `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`;

describe("a legacy client's request to a modern server", () => {
  it.each([
    ["without _meta", '{"name":"t"}', `{"_meta":{${VERSION},${NONE},${INFO}},"name":"t"}`],
    ["with empty _meta", '{"name":"t","_meta":{ }}', `{"name":"t","_meta":{${VERSION},${NONE},${INFO} }}`],
    [
      "with a progress token",
      '{"_meta":{"progressToken":7},"name":"t"}',
      `{"_meta":{${VERSION},${NONE},${INFO},"progressToken":7},"name":"t"}`,
    ],
    [
      "that names capabilities and itself",
      '{"_meta":{"io.modelcontextprotocol/clientCapabilities":{"sampling":{}},"io.modelcontextprotocol/clientInfo":1},"name":"t"}',
      `{"_meta":{${VERSION},${NONE},"io.modelcontextprotocol/clientInfo":1},"name":"t"}`,
    ],
  ])("%s gets what is missing, and no key twice", (_what, before, after) => {
    expect(printed(exchangeOf("legacy", call(before)))).toBe(call(after));
  });

  it("declares what the client declared in its session, in the words of the revision, as far as it may", () => {
    const exchange = exchangeOf("legacy", call('{"name":"t"}'));
    const capabilities = {
      sampling: {},
      elicitation: {},
      roots: { listChanged: true },
      tasks: {},
      other: {},
    };
    exchange.client.hello = { protocolVersion: "2025-11-25", capabilities, clientInfo: undefined };
    const declared = '"sampling":{},"elicitation":{"form":{}},"roots":{}';
    expect(printed(exchange)).toContain(`clientCapabilities":{${declared}}`);
    expect(printed(exchange, ["roots"])).toContain('clientCapabilities":{"roots":{}}');
  });

  it("carries the log level of its session, in place of one of its own", () => {
    const level = '"io.modelcontextprotocol/logLevel"';
    const plain = exchangeOf("legacy", call('{"name":"t"}'));
    plain.client.logLevel = 3;
    expect(printed(plain)).toContain(`${level}:"warning"`);
    const own = exchangeOf("legacy", call(`{"name":"t","_meta":{${level}:"debug"}}`));
    own.client.logLevel = 4;
    expect(printed(own).match(/logLevel":"\w+"/g)).toEqual(['logLevel":"error"']);
  });

  it("keeps every other byte, whatever its arguments are", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.option(fc.dictionary(fc.string(), fc.jsonValue())), (args, meta) => {
        const params = { name: "t", arguments: args, ...(meta === null ? {} : { _meta: meta }) };
        const text = JSON.stringify(params);
        fc.pre(!text.includes("io.modelcontextprotocol/") && !("progressToken" in (meta ?? {})));
        const result = JSON.parse(printed(exchangeOf("legacy", call(text)))) as {
          params: { _meta: Record<string, unknown> };
        };
        const { _meta, ...rest } = result.params;
        const own = Object.fromEntries(
          Object.entries(_meta).filter(([key]) => !key.startsWith("io.modelcontextprotocol/")),
        );
        expect(rest).toEqual(JSON.parse(JSON.stringify({ name: "t", arguments: args })));
        expect(own).toEqual(JSON.parse(JSON.stringify(meta ?? {})));
        expect(Object.keys(_meta).length - Object.keys(own).length).toBe(3);
      }),
    );
  });

  it("has its annotated arguments sent as header fields", () => {
    const exchange = exchangeOf("legacy", call('{"name":"p__t","arguments":{"region":"é"}}'));
    expect(headersForModern(exchange, "t é", entry)).toEqual([
      "mcp-name",
      "=?base64?dCDDqQ==?=",
      "mcp-param-region",
      "=?base64?w6k=?=",
    ]);
  });
});

describe("a modern client's request to a modern server", () => {
  const meta = (capabilities: string): string =>
    `{"name":"t","arguments":{"n":12345678901234567},"_meta":{${VERSION},"io.modelcontextprotocol/clientCapabilities":${capabilities}}}`;

  it("stays as it is", () => {
    const text = call(meta('{"elicitation":{"form":{}},"extensions":{"acme/x":{}}}'));
    expect(printed(exchangeOf("modern", text))).toBe(text);
  });

  it("has its own header fields forwarded, and its name regenerated", () => {
    const headers = { "mcp-param-x": "1", "mcp-name": "p__t", authorization: "secret" };
    const text = call('{"name":"p__t","arguments":{"region":"north"}}');
    expect(headersForModern(exchangeOf("modern", text, { headers }), "t", entry)).toEqual([
      "mcp-name",
      "t",
      "mcp-param-x",
      "1",
    ]);
  });

  it("that came over stdio has them derived", () => {
    const text = call('{"name":"p__t","arguments":{"region":"north"}}');
    expect(headersForModern(exchangeOf("modern", text), "t", entry)).toEqual([
      "mcp-name",
      "t",
      "mcp-param-region",
      "north",
    ]);
  });
});
