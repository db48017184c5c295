// One server span for each request of a client and one client span for each attempt on an upstream, by OpenTelemetry's MCP
// conventions (still in development there, so their names stand here and nowhere else).
import { randomBytes } from "node:crypto";
import type { GateRequest, RequestWatch } from "@fairlead/aggregator";
import { type Clock, type Random, systemClock } from "@fairlead/core";
import type { SpanExporter } from "./exporter.ts";
import { traceParentOf } from "./trace-context.ts";

export interface TracerOptions {
  readonly exporter: SpanExporter;
  /** Share of traces that begin here and are kept; a trace that somebody else began is kept if they keep it. */
  readonly sampleRatio: number;
  readonly clock?: Clock;
  readonly wallClock?: () => number;
  readonly random?: Random;
}

export interface Tracer {
  observe(request: GateRequest): RequestWatch | undefined;
}

export function createTracer({
  exporter,
  sampleRatio,
  clock = systemClock,
  wallClock = Date.now,
  random = Math.random,
}: TracerOptions): Tracer {
  return {
    observe(request) {
      const parent = traceParentOf(request);
      const isKept = parent?.isSampled ?? random() < sampleRatio;
      if (!isKept) return undefined;
      const traceId = parent?.traceId ?? randomBytes(16).toString("hex");
      const spanId = randomBytes(8).toString("hex");
      const { method, name, era, headers } = request;
      const startedAt = clock.now();
      const spanName = name === undefined || method === "resources/read" ? method : `${method} ${name}`;
      const common = {
        "mcp.method.name": method,
        ...(method === "tools/call" ? { "gen_ai.operation.name": "execute_tool" } : {}),
        ...(method === "tools/call" && name !== undefined ? { "gen_ai.tool.name": name } : {}),
        ...(method === "prompts/get" && name !== undefined ? { "gen_ai.prompt.name": name } : {}),
      };
      return {
        onAttempt({ upstream, outcome, startedAt: from, endedAt }) {
          const isFine = outcome === "success" || outcome === "client-error";
          exporter.export({
            traceId,
            spanId: randomBytes(8).toString("hex"),
            parentSpanId: spanId,
            name: spanName,
            kind: "client",
            startedAt: wall(from),
            endedAt: wall(endedAt),
            attributes: {
              ...common,
              "fairlead.upstream": upstream,
              "fairlead.outcome": outcome,
              ...(isFine ? {} : { "error.type": outcome }),
            },
            error: isFine ? undefined : outcome,
          });
        },
        onEnd({ outcome, code, attempts }) {
          const error =
            outcome === "error" ? (code ?? "error") : outcome === "tool-error" ? "tool_error" : undefined;
          exporter.export({
            traceId,
            spanId,
            parentSpanId: parent?.spanId,
            name: spanName,
            kind: "server",
            startedAt: wall(startedAt),
            endedAt: wall(clock.now()),
            attributes: {
              ...common,
              "fairlead.client": request.caller.id,
              "fairlead.era": era,
              "fairlead.attempts": attempts,
              "network.transport": headers === undefined ? "pipe" : "tcp",
              ...(error === undefined ? {} : { "error.type": error }),
            },
            error,
          });
        },
      };
    },
  };

  function wall(monotonic: number): number {
    return wallClock() - (clock.now() - monotonic);
  }
}
