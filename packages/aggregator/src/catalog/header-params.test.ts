import { describe, expect, it } from "vitest";
import { scanEnvelope } from "../wire/envelope.ts";
import { headerFieldsOf, headerMismatchOf, parseHeaderParams } from "./header-params.ts";

const schema = (properties: object, more: object = {}): Buffer =>
  Buffer.from(JSON.stringify({ type: "object", properties, ...more }));
const call = (text: string): Parameters<typeof headerFieldsOf> extends [unknown, ...infer R] ? R : never => {
  const message = Buffer.from(
    `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","arguments":${text}}}`,
  );
  return [message, scanEnvelope(message)];
};

describe("x-mcp-header", () => {
  const params = parseHeaderParams(
    schema({
      region: { type: "string", "x-mcp-header": "Region" },
      place: { type: "object", properties: { floor: { type: "integer", "x-mcp-header": "Floor" } } },
      dry: { type: "boolean", "x-mcp-header": "Dry-Run" },
      other: { type: "string" },
    }),
  );

  it("is found at the top and behind properties", () => {
    expect(params).toEqual([
      { field: "mcp-param-region", path: ["region"] },
      { field: "mcp-param-floor", path: ["place", "floor"] },
      { field: "mcp-param-dry-run", path: ["dry"] },
    ]);
  });

  it("becomes the header fields of a call, with every digit of a large integer", () => {
    const fields = headerFieldsOf(
      params ?? [],
      ...call('{"other":"x","place":{"floor":9007199254740993},"dry":false,"region":"Zür\\u0069ch"}'),
    );
    expect(fields).toEqual([
      "mcp-param-region",
      `=?base64?${Buffer.from("Zürich").toString("base64")}?=`,
      "mcp-param-floor",
      "9007199254740993",
      "mcp-param-dry-run",
      "false",
    ]);
  });

  it("leaves out what is absent, null, structured or behind something else", () => {
    expect(headerFieldsOf(params ?? [], ...call('{"region":null,"place":[1],"dry":{"a":1}}'))).toEqual([]);
    expect(headerFieldsOf(params ?? [], ...call("{}"))).toEqual([]);
    expect(headerFieldsOf(params ?? [], ...call("7"))).toEqual([]);
  });

  it.each([
    ["a name that is no token", { a: { type: "string", "x-mcp-header": "a b" } }],
    ["a structured type", { a: { type: "object", "x-mcp-header": "A" } }],
    [
      "a name given twice",
      { a: { type: "string", "x-mcp-header": "A" }, b: { type: "string", "x-mcp-header": "a" } },
    ],
    ["none at all", { a: { type: "string" } }],
  ])("yields nothing for %s", (_what, properties) => {
    expect(parseHeaderParams(schema(properties))).toBeUndefined();
  });

  it.each([
    ["the same", '{"region":"eu"}', { "mcp-param-region": "eu" }, undefined],
    ["the same in Base64", '{"region":"eu"}', { "mcp-param-region": "=?base64?ZXU=?=" }, undefined],
    ["the same number", '{"place":{"floor":7}}', { "mcp-param-floor": "7.0" }, undefined],
    ["a field without its argument", '{"region":null}', { "mcp-param-region": "eu" }, undefined],
    ["a string that is only the same number", '{"region":"7"}', { "mcp-param-region": "7.0" }, /"7.0"/],
    ["another value", '{"region":"eu"}', { "mcp-param-region": "us" }, /"us".*another region/],
    ["no field", '{"place":{"floor":7}}', {}, /place\.floor.*absent/],
    ["broken Base64", '{"region":"eu"}', { "mcp-param-region": "=?base64?Z!U=?=" }, /not valid Base64/],
  ])("is compared with what the client sent: %s", (_what, args, headers, expected) => {
    const said = headerMismatchOf(params ?? [], ...call(args), headers);
    if (expected === undefined) expect(said).toBeUndefined();
    else expect(said).toMatch(expected);
  });
});
