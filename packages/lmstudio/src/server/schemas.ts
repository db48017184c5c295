// What the tools take and give, as schemas. Each result says `ok`; an error is in it, so that one shape holds for both.
import { z } from "zod";
import { strategies } from "../multi-agent/request.ts";
import type {
  ChatInput,
  ChatOutput,
  CurrentOutput,
  HealthOutput,
  ModelsInput,
  ModelsOutput,
  MultiAgentInput,
  MultiAgentOutput,
} from "./tool-types.ts";

const error = z.object({
  code: z.string(),
  message: z.string(),
  host: z.string().optional(),
  model: z.string().optional(),
  attempts: z.number().optional(),
  retry_after_ms: z.number().optional(),
});

const usage = z.object({
  prompt_tokens: z.number(),
  completion_tokens: z.number(),
  reasoning_tokens: z.number(),
});

const prompt = z.string().min(1).max(1_000_000).describe("What to ask");
const temperature = z.number().min(0).max(2).optional().describe("0 to 2; the host's own when absent");
const maxTokens = z
  .number()
  .int()
  .min(1)
  .max(1_000_000)
  .optional()
  .describe("Limit of an answer, thinking included");
const system = z.string().max(200_000).optional().describe("Goes before the prompt");
const timeoutSeconds = z
  .number()
  .min(1)
  .max(3_600)
  .optional()
  .describe(
    "After this long, what there is comes back as a partial result; 50 when absent, since many hosts give up after 60",
  );
const task = z
  .string()
  .max(100)
  .optional()
  .describe("Picks the model by the server's task routes when none is given");

export const healthOutput: z.ZodType<HealthOutput> = z.object({
  ok: z.boolean(),
  hosts: z.array(
    z.object({
      name: z.string(),
      api: z.string(),
      url: z.string(),
      reachable: z.boolean(),
      latency_ms: z.number().optional(),
      loaded: z.array(z.string()),
      circuit: z.string(),
      in_flight: z.number(),
      waiting: z.number(),
      error: error.optional(),
    }),
  ),
});

export const modelsInput: z.ZodType<ModelsInput> = z.object({
  host: z.string().optional().describe("Only this host"),
});
export const modelsOutput: z.ZodType<ModelsOutput> = z.object({
  ok: z.boolean(),
  models: z.array(
    z.object({
      key: z.string(),
      host: z.string(),
      type: z.string(),
      loaded: z.boolean().optional(),
      context_length: z.number().optional(),
      max_context_length: z.number().optional(),
      parallel: z.number().optional(),
      vision: z.boolean().optional(),
    }),
  ),
  errors: z.array(error),
});

export const currentOutput: z.ZodType<CurrentOutput> = z.object({
  ok: z.boolean(),
  model: z.string().optional(),
  host: z.string().optional(),
  context_length: z.number().optional(),
  parallel: z.number().optional(),
  error: error.optional(),
});

export const chatInput: z.ZodType<ChatInput> = z.object({
  prompt,
  model: z.string().optional().describe("By default the task's model, or the one that is loaded"),
  temperature,
  max_tokens: maxTokens,
  system,
  task,
  host: z.string().optional().describe("Name of the host to ask"),
  images: z.array(z.string().max(20_000_000)).max(20).optional().describe("Data URLs or web addresses"),
  json_schema: z
    .record(z.string(), z.unknown())
    .optional()
    .describe("The answer is JSON that follows this schema"),
  reasoning: z.enum(["off", "on", "low", "medium", "high"]).optional(),
  timeout_seconds: timeoutSeconds,
});
export const chatOutput: z.ZodType<ChatOutput> = z.object({
  ok: z.boolean(),
  partial: z.boolean(),
  text: z.string(),
  json: z.unknown().optional(),
  reasoning: z.string().optional(),
  model: z.string().optional(),
  host: z.string().optional(),
  finish_reason: z.string().optional(),
  usage: usage.optional(),
  queue_ms: z.number().optional(),
  load_ms: z.number().optional(),
  duration_ms: z.number().optional(),
  attempts: z.number().optional(),
  warnings: z.array(z.string()).optional(),
  error: error.optional(),
});

const seat = z.object({
  model: z.string().min(1),
  count: z.number().int().min(1).max(50).optional().describe("Times that this model is asked"),
  weight: z.number().positive().optional(),
  accuracy: z.number().gt(0).lt(1).optional(),
  host: z.string().optional(),
  temperature,
  max_tokens: maxTokens,
  system,
});
const extractor = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("text") }),
  z.object({ kind: z.literal("last-number") }),
  z.object({ kind: z.literal("choice"), choices: z.array(z.string().min(1)).min(1).max(100) }),
  z.object({
    kind: z.literal("regex"),
    pattern: z.string().max(500),
    flags: z.string().max(8).optional(),
    group: z.number().int().min(0).max(20).optional(),
  }),
  z.object({ kind: z.literal("json"), path: z.string().max(500).optional() }),
]);

export const multiAgentInput: z.ZodType<MultiAgentInput> = z.object({
  prompt,
  models: z
    .array(z.union([z.string().min(1), seat]))
    .max(50)
    .optional()
    .describe("Names, or seats; by default the task's models, or all that are loaded"),
  temperature,
  max_tokens: maxTokens,
  system,
  task,
  strategy: z
    .enum(strategies)
    .optional()
    .describe("all answers (default), first_k, majority, weighted, judge, synthesize or best_of"),
  k: z.number().int().min(1).max(50).optional().describe("Enough answers; the others are called off"),
  min_success: z
    .number()
    .int()
    .min(1)
    .max(50)
    .optional()
    .describe("Fewer answers are an error; 1 when absent"),
  max_concurrent: z.number().int().min(1).max(50).optional().describe("Models asked at once; 10 when absent"),
  extractor: extractor.optional().describe("What in the answers is compared; the whole text when absent"),
  tie: z.enum(["abstain", "first", "heaviest"]).optional(),
  judge: z.string().optional().describe("Judges, scores or writes; not on the panel"),
  judge_rounds: z.number().int().min(1).max(9).optional(),
  max_total_tokens: z.number().int().min(1).optional(),
  max_cost: z.number().positive().optional(),
  prices: z
    .record(z.string(), z.object({ input: z.number().min(0), output: z.number().min(0) }))
    .optional()
    .describe("By model, per million tokens"),
  model_timeout_seconds: z.number().min(1).max(3_600).optional(),
  timeout_seconds: timeoutSeconds,
  seed: z.number().int().optional(),
});
export const multiAgentOutput: z.ZodType<MultiAgentOutput> = z.object({
  ok: z.boolean(),
  strategy: z.string().optional(),
  answer: z.string().nullable(),
  agreement: z.number().optional(),
  tied: z.boolean().optional(),
  partial: z.boolean(),
  votes: z
    .array(z.object({ value: z.string(), weight: z.number(), members: z.array(z.number()) }))
    .optional(),
  members: z.array(
    z.object({
      seat: z.number(),
      model: z.string(),
      host: z.string().optional(),
      status: z.string(),
      text: z.string().optional(),
      value: z.string().nullable(),
      weight: z.number(),
      score: z.number().optional(),
      latency_ms: z.number(),
      queue_ms: z.number().optional(),
      load_ms: z.number().optional(),
      usage: usage.optional(),
      cost: z.number(),
      code: z.string().optional(),
      message: z.string().optional(),
      warnings: z.array(z.string()),
    }),
  ),
  judge: z
    .object({
      model: z.string(),
      status: z.string(),
      picks: z.array(z.number()),
      reason: z.string().optional(),
      code: z.string().optional(),
    })
    .optional(),
  totals: z
    .object({
      succeeded: z.number(),
      failed: z.number(),
      prompt_tokens: z.number(),
      completion_tokens: z.number(),
      cost: z.number(),
      elapsed_ms: z.number(),
    })
    .optional(),
  error: error.optional(),
});
