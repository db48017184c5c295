import { expect, it } from "vitest";
import { createScrubber } from "./scrub.ts";

it("takes registered values out wherever and however they are written, longest first", () => {
  const { add, scrub } = createScrubber();
  const secret = 'p"ss w/rd';
  add([secret, "token-1234", "token-1234-long", "abc"]);
  expect(scrub(`x ${secret} y ${encodeURIComponent(secret)} ${JSON.stringify({ a: secret })}`)).toBe(
    'x [redacted] y [redacted] {"a":"[redacted]"}',
  );
  expect(scrub(Buffer.from(secret).toString("base64"))).toBe("[redacted]");
  expect(scrub("token-1234-long token-1234")).toBe("[redacted] [redacted]");
  expect(scrub("abc is too short to be told from words")).toContain("abc");
});

it.each([
  ["connect http://user:hunter22@db.example/x failed", "connect http://[redacted]@db.example/x failed"],
  ["Authorization: Bearer abcdefgh12345", "Authorization: Bearer [redacted]"],
  ['{"password":"hunter22","user":"me"}', '{"password":"[redacted]","user":"me"}'],
  ["api_key=abcd1234&x=1", "api_key=[redacted]&x=1"],
  ["key flk_AAAABBBBCCCCDDDD ok", "key [redacted] ok"],
  ["ghp_0123456789abcdef", "[redacted]"],
  ["a eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl b", "a [redacted] b"],
])("knows what looks like a secret: %s", (text, expected) => {
  expect(createScrubber().scrub(text)).toBe(expected);
});

it.each(["a bearer of news", "skills", "the secret is out", "http://127.0.0.1:3005/mcp", '{"id":1}'])(
  "leaves ordinary text alone: %s",
  (text) => {
    expect(createScrubber().scrub(text)).toBe(text);
  },
);

it("takes time in proportion to the text, whatever is in it", () => {
  const { scrub } = createScrubber();
  for (const hostile of [
    "a".repeat(200_000),
    "eyJ".repeat(60_000),
    "password".repeat(25_000),
    "x://".repeat(50_000),
  ]) {
    const before = performance.now();
    scrub(hostile);
    // Quadratic matching would take minutes.
    expect(performance.now() - before).toBeLessThan(10_000);
  }
});
