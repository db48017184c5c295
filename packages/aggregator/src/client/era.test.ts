// The official SDK's classifier is the oracle: both must sort the same requests the same way.
import { classifyInboundRequest } from "@modelcontextprotocol/server";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EnvelopeError,
  META_CLIENT_CAPABILITIES,
  META_PROTOCOL_VERSION,
  scanEnvelope,
} from "../wire/envelope.ts";
import { classify, type StandardHeaders } from "./era.ts";

const maybe = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(arbitrary, { nil: undefined });
const version = fc.constantFrom("2026-07-28", "2025-11-25", "2025-06-18");
const method = fc.constantFrom(
  "tools/call",
  "tools/list",
  "initialize",
  "ping",
  "resources/read",
  "server/discover",
  "notifications/cancelled",
);
const meta = fc.record(
  {
    [META_PROTOCOL_VERSION]: fc.oneof(version, fc.constant(1)),
    [META_CLIENT_CAPABILITIES]: fc.constantFrom<unknown>({}, { roots: {} }, "no object"),
    progressToken: fc.constantFrom<unknown>("p", 1, true, 1.5),
  },
  { requiredKeys: [] },
);
const params = fc.record(
  {
    name: fc.constant("echo"),
    uri: fc.constant("demo://a"),
    protocolVersion: version,
    _meta: fc.oneof(meta, fc.constant("no object")),
  },
  { requiredKeys: [] },
);
const body = fc.record({
  jsonrpc: fc.constant("2.0"),
  id: maybe(fc.constantFrom<string | number>(1, "a")),
  method,
  params: maybe(params),
});
const headers = fc.record({ protocolVersion: maybe(version), method: maybe(method) });

/** The whole way in: scan, then classify. */
function judgeAll(message: Buffer, fields: StandardHeaders): ReturnType<typeof classify> {
  try {
    return classify(message, scanEnvelope(message), fields);
  } catch (error) {
    if (error instanceof EnvelopeError) return { status: 400, code: error.code, message: error.message };
    throw error;
  }
}

describe("classify", () => {
  it("agrees with the SDK about the era of any request, and about what to refuse", () => {
    fc.assert(
      fc.property(body, headers, (message, { protocolVersion, method: methodHeader }) => {
        const text = JSON.stringify(message);
        const bytes = Buffer.from(text);
        const theirs = classifyInboundRequest({
          httpMethod: "POST",
          body: JSON.parse(text) as unknown,
          ...(protocolVersion === undefined ? {} : { protocolVersionHeader: protocolVersion }),
          ...(methodHeader === undefined ? {} : { mcpMethodHeader: methodHeader }),
        });
        const ours = judgeAll(bytes, {
          protocolVersion,
          method: methodHeader,
          name: undefined,
        });
        if (theirs.kind === "reject") {
          expect(ours, text).toMatchObject({ status: theirs.httpStatus, code: theirs.code });
        } else if (theirs.kind === "legacy") {
          expect(ours, text).toBe("legacy");
        } else if (typeof ours === "object") {
          // The SDK looks at versions and required headers in a second step.
          expect([-32020, -32022], `${text} ${JSON.stringify(ours)}`).toContain(ours.code);
        } else {
          expect(ours, text).toBe("modern");
        }
      }),
      { numRuns: 5_000 },
    );
  });

  const call = (name: string): Buffer =>
    Buffer.from(
      JSON.stringify({
        jsonrpc: "2.0",
        id: 1,
        method: "tools/call",
        params: { name, _meta: { [META_PROTOCOL_VERSION]: "2026-07-28", [META_CLIENT_CAPABILITIES]: {} } },
      }),
    );
  const judge = (
    message: Buffer,
    name: string | undefined,
    protocolVersion: string | undefined = "2026-07-28",
  ): unknown => classify(message, scanEnvelope(message), { protocolVersion, method: "tools/call", name });

  it.each([
    ["echo", "echo"],
    ["größe", "=?base64?Z3LDtsOfZQ==?="],
    ["=?base64?x?=", "=?base64?PT9iYXNlNjQ/eD89?="],
  ])("accepts the name %s as header %s", (name, header) => {
    expect(judge(call(name), header)).toBe("modern");
  });

  it.each([undefined, "other", "=?base64?not base64?=", "=?base64?Z3LDtsOf?="])(
    "refuses the name header %s for echo",
    (header) => {
      expect(judge(call("echo"), header)).toMatchObject({ status: 400, code: -32020 });
    },
  );

  it("names the versions that it serves when asked for another", () => {
    const message = Buffer.from(call("echo").toString().replaceAll("2026-07-28", "2027-01-01"));
    expect(judge(message, "echo", "2027-01-01")).toMatchObject({
      status: 400,
      code: -32022,
      data: { supported: ["2026-07-28"], requested: "2027-01-01" },
    });
  });
});
