import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Scope } from "../catalog/catalog.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import { splice } from "../wire/splice.ts";
import { createClient, type Exchange } from "./client.ts";
import { spliceForLegacy } from "./to-legacy.ts";

const keys = ["protocolVersion", "clientCapabilities", "clientInfo", "logLevel"].map(
  (key) => `io.modelcontextprotocol/${key}`,
);

function printed(meta: string): string {
  const text = `{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"t","_meta":${meta}}}`;
  const message = Buffer.from(text);
  const exchange: Pick<Exchange, "message" | "envelope" | "client"> = {
    message,
    envelope: scanEnvelope(message),
    client: createClient("c", {} as Scope, () => {}),
  };
  const splices: Parameters<typeof spliceForLegacy>[0] = [];
  spliceForLegacy(splices, exchange as Exchange);
  const after = splice(message, splices).toString();
  expect(after.startsWith(text.slice(0, text.indexOf("_meta") + 7))).toBe(true);
  return after.slice(text.indexOf("_meta") + 7, -2);
}

describe("a modern client's request to a legacy server", () => {
  it.each([
    ["{}", "{}"],
    [`{"${keys[0]}":"2026-07-28","${keys[1]}":{}}`, "{}"],
    [`{"${keys[0]}":"2026-07-28", "progressToken" : 7 ,"${keys[1]}":{"a":[1,{}]} }`, '{"progressToken" : 7}'],
    [`{"traceparent":"x","${keys[3]}":"debug","${keys[2]}":{},"b":1}`, '{"traceparent":"x","b":1}'],
    ['{"a":1 , "b":2 }', '{"a":1 , "b":2 }'],
  ])("carries of %s only %s", (before, after) => {
    expect(printed(before)).toBe(after);
  });

  it("loses these members and nothing else, whatever stands around them", () => {
    const key = fc.oneof(fc.constantFrom(...keys), fc.string());
    fc.assert(
      fc.property(
        fc.dictionary(key, fc.jsonValue({ maxDepth: 3 }), { maxKeys: 8 }),
        fc.integer({ min: 0, max: 2 }),
        (meta, indent) => {
          const kept = Object.fromEntries(Object.entries(meta).filter(([name]) => !keys.includes(name)));
          expect(JSON.parse(printed(JSON.stringify(meta, null, indent)))).toEqual(
            JSON.parse(JSON.stringify(kept)),
          );
        },
      ),
    );
  });
});
