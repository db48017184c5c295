// One server span for each request of a client and one client span for each attempt on an upstream, by OpenTelemetry's MCP
// conventions (still in development there, so their names stand here and nowhere else).
import { randomBytes } from "node:crypto";
import type { GateRequest, RequestWatch, TraceContext } from "@fairlead/aggregator";
import { type Clock, type Random, systemClock } from "@fairlead/core";
import type { SpanExporter } from "./exporter.ts";
import { printParent, traceOf } from "./trace-context.ts";

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

/** Ends of attempts that are no failure of theirs. */
const FINE: ReadonlySet<string> = new Set(["success", "client-error", "hedge-loser"]);

export function createTracer({
  exporter,
  sampleRatio,
  clock = systemClock,
  wallClock = Date.now,
  random = Math.random,
}: TracerOptions): Tracer {
  return {
    observe(request) {
      const { parent, tracestate, link } = traceOf(request);
      const isKept = parent?.isSampled ?? random() < sampleRatio;
      if (!isKept) return undefined;
      const traceId = parent?.traceId ?? randomBytes(16).toString("hex");
      const spanId = newSpanId();
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
        onAttemptStart: () => ({
          traceparent: printParent({ traceId, spanId: newSpanId(), isSampled: true }),
          tracestate,
        }),
        onAttempt({ upstream, outcome, startedAt: from, endedAt, isHedge, trace }) {
          const isFine = FINE.has(outcome);
          exporter.export({
            traceId,
            spanId: spanIdOf(trace) ?? newSpanId(),
            parentSpanId: spanId,
            name: spanName,
            kind: "client",
            startedAt: wall(from),
            endedAt: wall(endedAt),
            attributes: {
              ...common,
              "fairlead.upstream": upstream,
              "fairlead.outcome": outcome,
              ...(isHedge ? { "fairlead.hedge": true } : {}),
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
            link,
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

function newSpanId(): string {
  return randomBytes(8).toString("hex");
}

/** The span that the server was told of. */
function spanIdOf(trace: TraceContext | undefined): string | undefined {
  return trace?.traceparent.split("-")[2];
}
