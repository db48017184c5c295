import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EnvelopeError,
  integerOf,
  META_CLIENT_CAPABILITIES,
  META_PROTOCOL_VERSION,
  scanEnvelope,
  textOf,
} from "./envelope.ts";

function codeOf(text: string): number | undefined {
  try {
    scanEnvelope(Buffer.from(text));
    return undefined;
  } catch (error) {
    if (error instanceof EnvelopeError) return error.code;
    throw error;
  }
}

describe("scanEnvelope", () => {
  it("finds what routing needs, wherever it stands", () => {
    const message = Buffer.from(
      JSON.stringify({
        params: {
          arguments: { name: "not this one", _meta: { progressToken: "nor this" } },
          _meta: {
            progressToken: "p1",
            [META_PROTOCOL_VERSION]: "2026-07-28",
            [META_CLIENT_CAPABILITIES]: {},
          },
          name: "everything__echo",
        },
        method: "tools/call",
        id: "a",
        jsonrpc: "2.0",
      }),
    );
    const envelope = scanEnvelope(message);
    expect(envelope).toMatchObject({ kind: "request", method: "tools/call" });
    expect(textOf(message, envelope.name)).toBe("everything__echo");
    expect(textOf(message, envelope.metaProgressToken)).toBe("p1");
    expect(textOf(message, envelope.metaVersion)).toBe("2026-07-28");
    expect(message.toString("utf8", envelope.metaCapabilities.start, envelope.metaCapabilities.end)).toBe(
      "{}",
    );
    expect(message.toString("utf8", envelope.id.start, envelope.id.end)).toBe('"a"');
  });

  it.each([
    ['{"jsonrpc":"2.0","id":1,"method":"ping"}', "request"],
    ['{"jsonrpc":"2.0","method":"notifications/initialized"}', "notification"],
    ['{"jsonrpc":"2.0","id":"x","result":{}}', "result"],
    ['{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"no"}}', "error"],
    ['{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"no"}}', "error"],
  ])("tells the kind of %s", (text, kind) => {
    expect(scanEnvelope(Buffer.from(text)).kind).toBe(kind);
  });

  it.each([
    ["", -32700],
    ["{", -32700],
    ['{"jsonrpc":"2.0","id":1,"method":"ping"} x', -32700],
    ["[]", -32600],
    ["1", -32600],
    ["{}", -32600],
    ['{"id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":"1.0","id":1,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":null,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":1.5,"method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":true,"method":"ping"}', -32600],
    [`{"jsonrpc":"2.0","id":"${"x".repeat(257)}","method":"ping"}`, -32600],
    ['{"jsonrpc":"2.0","id":1,"method":1}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"ping","params":[]}', -32600],
    ['{"jsonrpc":"2.0","id":1,"result":{},"error":{}}', -32600],
    ['{"jsonrpc":"2.0","result":{}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","method":"ping"}', -32600],
    ['{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","n\\u0061me":"b"}}', -32600],
  ])("refuses %s", (text, code) => {
    expect(codeOf(text)).toBe(code);
  });

  it("is not confused by keys that mean something to objects", () => {
    const text =
      '{"jsonrpc":"2.0","id":1,"method":"tools/call","__proto__":{"x":1},"params":{"__proto__":{"name":"x"},"name":"ok"}}';
    const message = Buffer.from(text);
    expect(textOf(message, scanEnvelope(message).name)).toBe("ok");
  });

  it("reads any request's id, method and name as JSON.parse does", () => {
    const id = fc.oneof(fc.maxSafeInteger(), fc.string({ maxLength: 40 }));
    fc.assert(
      fc.property(
        id,
        fc.string(),
        fc.string(),
        fc.jsonValue({ maxDepth: 5 }),
        (theId, method, name, value) => {
          const text = JSON.stringify({
            jsonrpc: "2.0",
            method,
            params: { arguments: value, name, extra: value },
            id: theId,
          });
          const message = Buffer.from(text);
          const envelope = scanEnvelope(message);
          expect(envelope.method).toBe(Buffer.from(method).toString());
          expect(textOf(message, envelope.name)).toBe(Buffer.from(name).toString());
          const idText = message.toString("utf8", envelope.id.start, envelope.id.end);
          expect(JSON.parse(idText)).toBe(typeof theId === "string" ? Buffer.from(theId).toString() : theId);
          if (typeof theId === "number") expect(integerOf(message, envelope.id)).toBe(theId);
        },
      ),
    );
  });
});
