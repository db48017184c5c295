// The section `lmStudio`: hosts with models, which `fairlead-lmstudio` serves as one pool.
import type { PoolConfig } from "@fairlead/aggregator";
import { namespaceSchema } from "@fairlead/aggregator/schema";
import { z } from "zod";
import { hostsSchema, type OwnPoolOptions, ownPoolSchema, programOf } from "./own-programs.ts";

export interface LmStudioSettings {
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly apiToken?: string | undefined;
  readonly toolTimeoutMs: number;
  readonly maxConcurrent?: number | undefined;
  readonly ratePerSecond?: number | undefined;
  readonly maxRetries?: number | undefined;
  readonly connectTimeoutMs?: number | undefined;
  readonly taskRoutes: readonly TaskRouteSettings[];
  readonly pool?: OwnPoolOptions | undefined;
}

interface TaskRouteSettings {
  readonly task: string;
  readonly words?: readonly string[] | undefined;
  readonly models: readonly string[];
}

/** The server answers with what it has when its time is up; the pool gives up on it this much later, in milliseconds. */
const GRACE_MS = 10_000;
const DEFAULT_MAX_TIMEOUT_MS = 600_000;

/** `|`, `,` and `=` separate the parts of a route where it is written as one text. */
const name = z.string().regex(/^[^|,=]+$/, "must have none of | , =");

export const lmStudioSection: z.ZodType<LmStudioSettings | undefined> = z
  .strictObject({
    namespace: namespaceSchema.default("lm").describe("Namespace of the pool. Default: lm"),
    hosts: hostsSchema
      .default(["http://localhost:1234/v1"])
      .describe("Addresses of the hosts, all with the same token. Default: http://localhost:1234/v1"),
    apiToken: z
      .string()
      .optional()
      .describe("What the hosts ask for, only as a reference; an empty one is none"),
    toolTimeoutMs: z
      .number()
      .int()
      .min(1_000)
      .default(50_000)
      .describe("A call is answered after this long with what there is, in milliseconds. Default: 50000"),
    maxConcurrent: z.number().int().min(1).optional().describe("Requests at a time to one host"),
    ratePerSecond: z
      .number()
      .min(0)
      .optional()
      .describe("Requests in a second to one host; 0 for any number"),
    maxRetries: z.number().int().min(0).optional().describe("How often a request is repeated"),
    connectTimeoutMs: z
      .number()
      .int()
      .min(1)
      .optional()
      .describe("How long connecting to a host may take, in milliseconds"),
    taskRoutes: z
      .array(
        z.strictObject({
          task: name.describe("Name of a task, such as code"),
          words: z.array(name).optional().describe("Words of a prompt that mean it, beside its name"),
          models: z
            .array(name)
            .min(1)
            .describe("Models that are good at it; the first that is loaded is asked"),
        }),
      )
      .default([])
      .describe("Which models are asked for which tasks. Default: the one that is loaded"),
    pool: ownPoolSchema,
  })
  .optional();

export function lmStudioPool(settings: LmStudioSettings): Omit<PoolConfig, "namespace"> {
  const { namespace, hosts, apiToken, toolTimeoutMs, taskRoutes, pool } = settings;
  const { maxConcurrent, ratePerSecond, maxRetries, connectTimeoutMs } = settings;
  const timeoutMs = toolTimeoutMs + GRACE_MS;
  const variables: Readonly<Record<string, string | number | undefined>> = {
    LMSTUDIO_API_BASE: hosts.join(","),
    LMSTUDIO_API_TOKEN: apiToken,
    LMSTUDIO_TOOL_TIMEOUT_SEC: toolTimeoutMs / 1_000,
    MAX_CONCURRENT_REQUESTS: maxConcurrent,
    ROUTER_RATE_LIMIT_TPS: ratePerSecond,
    HTTP_MAX_RETRIES: maxRetries,
    HTTP_CONNECT_TIMEOUT: connectTimeoutMs === undefined ? undefined : connectTimeoutMs / 1_000,
    LMSTUDIO_TASK_ROUTES: taskRoutes.map(routeText).join(","),
  };
  return {
    timeoutMs,
    ...(timeoutMs > DEFAULT_MAX_TIMEOUT_MS ? { maxTimeoutMs: timeoutMs } : {}),
    ...pool,
    upstreams: [programOf("fairlead-lmstudio", namespace, [], variables)],
  };
}

function routeText({ task, words = [], models }: TaskRouteSettings): string {
  return `${[task, ...words].join("|")}=${models.join("|")}`;
}
