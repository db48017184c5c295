import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { traceFields, withTraceContext } from "./trace-context.ts";

const TRACE = { traceparent: "00-1-2-01", tracestate: 'a="1"' };

const print = (params: object | undefined): Buffer =>
  Buffer.from(JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params }));
const paramsOf = (message: Buffer): unknown =>
  (JSON.parse(message.toString()) as { params?: unknown }).params;

describe("the trace context in _meta", () => {
  it.each([
    [{ name: "t" }, { name: "t", _meta: TRACE }],
    [{}, { _meta: TRACE }],
    [
      { name: "t", _meta: {} },
      { name: "t", _meta: TRACE },
    ],
    [{ _meta: { traceparent: "old", a: 1 } }, { _meta: { a: 1, ...TRACE } }],
    [{ _meta: { tracestate: "old", traceparent: 7 } }, { _meta: TRACE }],
  ])("of %j becomes the span's", (before, after) => {
    expect(paramsOf(withTraceContext(print(before), TRACE))).toEqual(after);
  });

  it("leaves every other member as it was, whatever it is", () => {
    const value = fc.jsonValue();
    const meta = fc.dictionary(fc.constantFrom("traceparent", "tracestate", "baggage", "x", "é"), value);
    const params = fc.dictionary(fc.constantFrom("name", "arguments", "y"), value);
    fc.assert(
      fc.property(params, fc.option(meta), fc.boolean(), fc.boolean(), (known, own, spaced, hasState) => {
        const trace = hasState ? TRACE : { traceparent: TRACE.traceparent };
        const before = own === null ? known : { ...known, _meta: own };
        const text = JSON.stringify({ params: before, id: 1 }, null, spaced ? 2 : 0);
        const after = JSON.parse(withTraceContext(Buffer.from(text), trace).toString()) as unknown;
        expect(after).toEqual({
          params: JSON.parse(JSON.stringify({ ...before, _meta: { ...own, ...trace } })) as unknown,
          id: 1,
        });
      }),
    );
  });

  it("is nowhere in a message without params", () => {
    const message = print(undefined);
    expect(withTraceContext(message, TRACE)).toBe(message);
  });
});

describe("the header fields of a trace", () => {
  const parent = `00-${"1".repeat(32)}-${"2".repeat(16)}-01`;

  it("are passed on, and nothing is made up", () => {
    const sent = { traceparent: parent, tracestate: "a=1", baggage: "b=2" };
    expect(traceFields({ ...sent, cookie: "c" }, undefined)).toEqual(Object.entries(sent).flat());
    expect(traceFields({ tracestate: "a=1" }, undefined)).toEqual([]);
    expect(traceFields({ baggage: "b=2" }, undefined)).toEqual(["baggage", "b=2"]);
    expect(traceFields(undefined, undefined)).toEqual([]);
  });

  it("are those of the span where there is one, with its parent's state and the client's baggage", () => {
    const sent = { traceparent: parent, tracestate: "of=another", baggage: "b=2" };
    expect(traceFields(sent, { traceparent: "00-1-2-01" })).toEqual([
      "traceparent",
      "00-1-2-01",
      "baggage",
      "b=2",
    ]);
    expect(traceFields(undefined, TRACE)).toEqual(Object.entries(TRACE).flat());
  });

  it("are bounded", () => {
    expect(traceFields({ traceparent: "x".repeat(129), baggage: "x".repeat(8_193) }, undefined)).toEqual([]);
    expect(traceFields({ traceparent: parent, tracestate: "x".repeat(513) }, undefined)).toEqual([
      "traceparent",
      parent,
    ]);
  });
});
