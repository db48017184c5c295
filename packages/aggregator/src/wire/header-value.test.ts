import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { decodeHeaderValue, encodeHeaderValue } from "./header-value.ts";

describe("a header value", () => {
  it.each(["echo", "a b", "files/read:1", "=?base64?", "?="])("%s stays as it is", (value) => {
    expect(encodeHeaderValue(value)).toBe(value);
  });

  it.each([
    ["Grüße", "=?base64?R3LDvMOfZQ==?="],
    [" led", "=?base64?IGxlZA==?="],
    ["", "=?base64??="],
    ["a\nb", "=?base64?YQpi?="],
    ["=?base64?YQ==?=", "=?base64?PT9iYXNlNjQ/WVE9PT89?="],
  ])("%j is put into the sentinel", (value, encoded) => {
    expect(encodeHeaderValue(value)).toBe(encoded);
  });

  it("comes back as it was, and is printable ASCII on the way", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (value) => {
        const encoded = encodeHeaderValue(value);
        expect(encoded).toMatch(/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/);
        expect(decodeHeaderValue(encoded)).toBe(value);
      }),
    );
  });

  it("that is no Base64 of UTF-8 is refused", () => {
    expect(decodeHeaderValue("=?base64?YQ?=")).toBeUndefined();
    expect(decodeHeaderValue("=?base64?/w==?=")).toBeUndefined();
  });
});
