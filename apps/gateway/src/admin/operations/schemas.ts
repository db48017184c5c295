// What the admin operations answer, as schemas: the description of the API is made from them, and tests hold answers
// against them.
import { z } from "zod";

const count = z.number().int().min(0);

export const upstreamStatus: z.ZodObject = z.looseObject({
  id: z.string(),
  transport: z.string(),
  era: z.enum(["legacy", "modern"]).nullable(),
  protocolVersion: z.string().nullable(),
  status: z
    .string()
    .describe("ready, starting, waiting, unhealthy, crash-loop, draining, disabled or stopped"),
  reason: z.string().nullable(),
  nextTryAt: z.string().nullable(),
  restarts: count,
  pid: z.number().int().nullable(),
  inFlight: count,
  breaker: z.enum(["closed", "open", "half-open"]),
  calls: count,
  failures: count,
  server: z.looseObject({ name: z.string(), version: z.string() }).nullable(),
});

export const poolStatus: z.ZodObject = z.looseObject({
  namespace: z.string(),
  path: z.string(),
  strategy: z.string(),
  tools: count,
  resources: count,
  resourceTemplates: count,
  prompts: count,
  queued: count,
  replicas: z.array(upstreamStatus),
});

export const reloadReport: z.ZodType = z.object({
  ok: z.boolean(),
  at: z.string(),
  error: z.string().nullable(),
  changes: z.array(z.string()),
});

export const gatewayStatus: z.ZodType = z.looseObject({
  name: z.string(),
  version: z.string(),
  status: z.enum(["starting", "ready", "degraded", "draining"]),
  startedAt: z.string(),
  uptimeMs: z.number(),
  endpoint: z.string(),
  pools: z.array(poolStatus),
  clients: z.looseObject({ sessions: count, streams: count }),
  calls: z.looseObject({ total: count, inFlight: count, failed: count }),
  problems: z.array(z.looseObject({ code: z.string(), message: z.string(), fix: z.string() })),
  config: z.looseObject({ file: z.string(), lastReload: reloadReport }),
});

export const clientReport: z.ZodType = z.object({
  id: z.string(),
  known: z.boolean(),
  active: z.boolean(),
  inFlight: count,
  streams: count,
  sessions: count,
  breaker: z.enum(["closed", "open", "half-open", "off"]),
  idleMs: z.number(),
  usage: z.object({
    requests: count,
    toolCalls: count,
    errors: count,
    toolErrors: count,
    cancelled: count,
    refused: count,
    bytesIn: count,
    bytesOut: count,
  }),
});

export const done: z.ZodType = z.object({ done: z.literal(true) });
