import { createServer } from "node:http";
import type { GateRequest } from "@fairlead/aggregator";
import { createFakeClock } from "@fairlead/core/testing";
import { describe, expect, it } from "vitest";
import { createSpanExporter, type SpanData } from "./exporter.ts";
import { traceOf } from "./trace-context.ts";
import { createTracer } from "./tracer.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";
const OTHER_SPAN = "00f067aa0ba902b7";

function request(more: Partial<GateRequest> = {}): GateRequest {
  return {
    caller: { id: "alice" },
    era: "modern",
    method: "tools/call",
    name: "a__echo",
    bytes: 10,
    params: undefined,
    meta: undefined,
    headers: {},
    ...more,
  };
}

const metaOf = (traceparent: string): Buffer => Buffer.from(JSON.stringify({ traceparent }));

describe("the trace that a request belongs to", () => {
  it("is named by _meta before the header field", () => {
    const meta = metaOf(`00-${TRACE}-${SPAN}-01`);
    const other = `00-${"1".repeat(32)}-${OTHER_SPAN}-00`;
    const named = { traceId: TRACE, spanId: SPAN, isSampled: true };
    expect(traceOf(request({ meta, headers: { traceparent: other, tracestate: "a=1" } }))).toEqual({
      parent: named,
      tracestate: undefined,
      link: { traceId: "1".repeat(32), spanId: OTHER_SPAN, isSampled: false },
    });
    expect(traceOf(request({ headers: { traceparent: other, tracestate: "a=1" } }))).toEqual({
      parent: { traceId: "1".repeat(32), spanId: OTHER_SPAN, isSampled: false },
      tracestate: "a=1",
      link: undefined,
    });
  });

  it.each([
    "",
    "00",
    `00-${TRACE}-${SPAN}`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `00-${TRACE}-${SPAN}-01${"x".repeat(500)}`,
  ])("is none for %s", (traceparent) => {
    expect(traceOf(request({ meta: metaOf(traceparent) })).parent).toBeUndefined();
  });
});

describe("spans", () => {
  function setUp(sampleRatio = 1): {
    spans: SpanData[];
    observe: ReturnType<typeof createTracer>["observe"];
    clock: ReturnType<typeof createFakeClock>;
  } {
    const spans: SpanData[] = [];
    const clock = createFakeClock();
    const exporter = { export: (span: SpanData) => void spans.push(span), close: () => Promise.resolve() };
    const { observe } = createTracer({
      exporter,
      sampleRatio,
      clock,
      wallClock: () => 1_000_000 + clock.now(),
      random: () => 0.5,
    });
    return { spans, observe, clock };
  }

  it("are one for the request, below its parent, and one for each attempt below that", async () => {
    const { spans, observe, clock } = setUp();
    const meta = Buffer.from(JSON.stringify({ traceparent: `00-${TRACE}-${SPAN}-01`, tracestate: "a=1" }));
    const watch = observe(request({ meta, headers: { traceparent: `00-${TRACE}-${OTHER_SPAN}-01` } }));
    const startedAt = clock.now();
    await clock.advance(5);
    const firstTrace = watch?.onAttemptStart?.();
    expect(firstTrace).toEqual({
      traceparent: expect.stringMatching(new RegExp(`^00-${TRACE}-[0-9a-f]{16}-01$`)),
      tracestate: "a=1",
    });
    watch?.onAttempt?.({
      upstream: "a-1",
      outcome: "transport-error",
      startedAt,
      endedAt: clock.now(),
      isHedge: false,
      trace: firstTrace,
    });
    const secondAt = clock.now();
    await clock.advance(7);
    const trace = watch?.onAttemptStart?.();
    const endedAt = clock.now();
    watch?.onAttempt?.({
      upstream: "a-2",
      outcome: "success",
      startedAt: secondAt,
      endedAt,
      isHedge: true,
      trace,
    });
    watch?.onEnd?.({ outcome: "ok", bytes: 1, attempts: 2 });
    const [first, second, server] = spans;
    expect(server).toMatchObject({
      kind: "server",
      traceId: TRACE,
      parentSpanId: SPAN,
      link: { traceId: TRACE, spanId: OTHER_SPAN },
      name: "tools/call a__echo",
      error: undefined,
    });
    expect(server?.attributes).toMatchObject({
      "mcp.method.name": "tools/call",
      "gen_ai.tool.name": "a__echo",
      "gen_ai.operation.name": "execute_tool",
      "fairlead.attempts": 2,
    });
    expect(first).toMatchObject({
      kind: "client",
      traceId: TRACE,
      parentSpanId: server?.spanId,
      error: "transport-error",
    });
    expect(second).toMatchObject({
      parentSpanId: server?.spanId,
      error: undefined,
      attributes: { "fairlead.hedge": true },
    });
    // What the server was told of is what is exported.
    expect(firstTrace?.traceparent).toBe(`00-${TRACE}-${first?.spanId}-01`);
    expect(trace?.traceparent).toBe(`00-${TRACE}-${second?.spanId}-01`);
    expect((second?.endedAt ?? 0) - (second?.startedAt ?? 0)).toBe(7);
    expect(new Set(spans.map(({ spanId }) => spanId)).size).toBe(3);
  });

  it("say what went wrong, and are only made for traces that are kept", () => {
    const { spans, observe } = setUp(0.4);
    expect(observe(request())).toBeUndefined();
    expect(observe(request({ meta: metaOf(`00-${TRACE}-${SPAN}-00`) }))).toBeUndefined();
    observe(request({ meta: metaOf(`00-${TRACE}-${SPAN}-01`) }))?.onEnd?.({
      outcome: "tool-error",
      bytes: 1,
      attempts: 1,
    });
    expect(spans[0]).toMatchObject({ error: "tool_error", attributes: { "error.type": "tool_error" } });
  });
});

describe("the exporter", () => {
  const span: SpanData = {
    traceId: TRACE,
    spanId: SPAN,
    parentSpanId: undefined,
    link: { traceId: TRACE, spanId: OTHER_SPAN },
    name: "ping",
    kind: "server",
    startedAt: 1_700_000_000_000.5,
    endedAt: 1_700_000_000_001,
    attributes: { a: "x", n: 3, r: 0.5, b: true },
    error: "boom",
  };

  it("sends OTLP as JSON, in batches, with its headers", async () => {
    const bodies: { headers: unknown; body: unknown }[] = [];
    const server = createServer((incoming, response) => {
      let text = "";
      incoming.on("data", (chunk: Buffer) => {
        text += chunk.toString();
      });
      incoming.on("end", () => {
        bodies.push({ headers: incoming.headers, body: JSON.parse(text) });
        response.writeHead(200).end("{}");
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const exporter = createSpanExporter({
      endpoint: `http://127.0.0.1:${port}/v1/traces`,
      headers: { "x-token": "t" },
      serviceName: "fairlead",
      serviceVersion: "1",
      onProblem: () => {},
    });
    for (let i = 0; i < 600; i++) exporter.export(span);
    await exporter.close();
    server.closeAllConnections();
    server.close();
    const spans = bodies.flatMap(
      ({ body }) =>
        (body as { resourceSpans: { scopeSpans: { spans: unknown[] }[] }[] }).resourceSpans[0]?.scopeSpans[0]
          ?.spans ?? [],
    );
    expect(spans).toHaveLength(600);
    expect(spans[0]).toEqual({
      traceId: TRACE,
      spanId: SPAN,
      name: "ping",
      kind: 2,
      startTimeUnixNano: "1700000000000500000",
      endTimeUnixNano: "1700000000001000000",
      attributes: [
        { key: "a", value: { stringValue: "x" } },
        { key: "n", value: { intValue: "3" } },
        { key: "r", value: { doubleValue: 0.5 } },
        { key: "b", value: { boolValue: true } },
      ],
      links: [{ traceId: TRACE, spanId: OTHER_SPAN }],
      status: { code: 2, message: "boom" },
    });
    expect(bodies[0]?.headers).toMatchObject({ "x-token": "t", "content-type": "application/json" });
  });

  it("keeps a bounded number when the collector is gone, and complains once", async () => {
    const problems: unknown[] = [];
    const exporter = createSpanExporter({
      endpoint: "http://127.0.0.1:1/v1/traces",
      headers: {},
      serviceName: "fairlead",
      serviceVersion: "1",
      onProblem: (error) => problems.push(error),
    });
    for (let i = 0; i < 10_000; i++) exporter.export(span);
    await exporter.close();
    await exporter.close();
    expect(problems).toHaveLength(1);
  });
});
