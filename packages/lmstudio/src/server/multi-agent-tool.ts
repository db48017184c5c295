// `multi_agent_query`: one question to several models.
import type { CallToolResult } from "@modelcontextprotocol/server";
import { LmStudioError } from "../client/errors.ts";
import { multiAgentQuery } from "../multi-agent/query.ts";
import type { Budget, MultiAgentRequest, Seat } from "../multi-agent/request.ts";
import { type MemberRow, MultiAgentError, type MultiAgentResult } from "../multi-agent/result.ts";
import { routeTask } from "../multi-agent/task-routes.ts";
import type { ToolContext } from "./context.ts";
import type { Progress } from "./progress.ts";
import { describeError, errorOutput, resultOf } from "./results.ts";
import type { MemberOutput, MultiAgentInput, MultiAgentOutput, SeatInput } from "./tool-types.ts";

export async function multiAgentTool(
  context: ToolContext,
  input: MultiAgentInput,
  progress: Progress,
  signal: AbortSignal,
): Promise<CallToolResult> {
  const { client, clock } = context;
  const startedAt = clock.now();
  const timeoutMs =
    input.timeout_seconds === undefined ? context.toolTimeoutMs : input.timeout_seconds * 1_000;
  try {
    progress.tell("asking the hosts what they have");
    const models = await modelsFor(context, input, signal);
    const result = await multiAgentQuery(client, {
      ...requestOf(input, models),
      deadlineMs: Math.max(1, timeoutMs - (clock.now() - startedAt)),
      signal,
      clock,
      onProgress: ({ done, total, message }) => progress.tell(message, { done, total }),
    });
    return resultOf(describe(result), { ok: true, ...outputOf(result) } satisfies MultiAgentOutput);
  } catch (error) {
    signal.throwIfAborted();
    const known = errorOutput(error);
    const result = error instanceof MultiAgentError ? error.result : undefined;
    const rows = result === undefined ? { answer: null, partial: false, members: [] } : outputOf(result);
    const text = [describeError(known), ...(result === undefined ? [] : [describe(result)])].join("\n\n");
    return resultOf(text, { ok: false, ...rows, error: known } satisfies MultiAgentOutput, true);
  }
}

async function modelsFor(
  { client, taskRoutes }: ToolContext,
  { models, prompt, task }: MultiAgentInput,
  signal: AbortSignal,
): Promise<readonly (string | Seat)[]> {
  if (models !== undefined && models.length > 0)
    return models.map((given) => (typeof given === "string" ? given : seatOf(given)));
  const route = routeTask(taskRoutes, { prompt, task });
  if (route !== undefined) return route.models;
  const loaded = new Set<string>();
  for (const { name, api } of client.hosts()) {
    if (api !== "lmstudio") continue;
    const listed = await client.models.list({ host: name, signal, timeoutMs: 5_000 }).catch(() => []);
    for (const model of listed)
      if (model.type !== "embedding" && model.loaded === true) loaded.add(model.key);
  }
  if (loaded.size === 0) throw new LmStudioError("NO_MODEL_LOADED", "No models are given and none is loaded");
  return [...loaded];
}

function seatOf({ max_tokens: maxTokens, ...rest }: SeatInput): Seat {
  return withoutUndefined({ ...rest, maxTokens });
}

function requestOf(input: MultiAgentInput, models: readonly (string | Seat)[]): MultiAgentRequest {
  const { max_total_tokens: maxTokens, max_cost: maxCost, prices } = input;
  const budget: Budget = withoutUndefined({ maxTokens, maxCost, prices });
  return withoutUndefined({
    prompt: input.prompt,
    models,
    strategy: input.strategy,
    system: input.system,
    temperature: input.temperature,
    maxTokens: input.max_tokens,
    k: input.k,
    minSuccess: input.min_success,
    maxConcurrent: input.max_concurrent,
    extractor: input.extractor === undefined ? undefined : withoutUndefined(input.extractor),
    tie: input.tie,
    judge: input.judge,
    judgeRounds: input.judge_rounds,
    modelTimeoutMs:
      input.model_timeout_seconds === undefined ? undefined : input.model_timeout_seconds * 1_000,
    seed: input.seed,
    budget,
  });
}

type Defined<T> = { [K in keyof T]: Exclude<T[K], undefined> };

/** Fields that are absent in place of `undefined`, as options are. */
function withoutUndefined<T extends object>(value: T): Defined<T> {
  return Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as Defined<T>;
}

function outputOf(result: MultiAgentResult): Omit<MultiAgentOutput, "ok"> {
  const { judge, totals } = result;
  return {
    strategy: result.strategy,
    answer: result.answer,
    agreement: result.agreement,
    tied: result.tied,
    partial: result.partial,
    votes: result.votes.map(({ value, weight, members }) => ({ value, weight, members: [...members] })),
    members: result.members.map(memberOf),
    ...(judge === undefined ? {} : { judge: withoutUndefined({ ...judge, picks: [...judge.picks] }) }),
    totals: {
      succeeded: totals.succeeded,
      failed: totals.failed,
      prompt_tokens: totals.promptTokens,
      completion_tokens: totals.completionTokens,
      cost: totals.cost,
      elapsed_ms: Math.round(totals.elapsedMs),
    },
  };
}

function memberOf(row: MemberRow): MemberOutput {
  const { usage } = row;
  return withoutUndefined({
    seat: row.seat,
    model: row.model,
    host: row.host,
    status: row.status,
    text: row.text,
    value: row.value,
    weight: row.weight,
    score: row.score,
    latency_ms: Math.round(row.latencyMs),
    queue_ms: row.queueMs === undefined ? undefined : Math.round(row.queueMs),
    load_ms: row.loadMs === undefined ? undefined : Math.round(row.loadMs),
    usage:
      usage === undefined
        ? undefined
        : {
            prompt_tokens: usage.promptTokens,
            completion_tokens: usage.completionTokens,
            reasoning_tokens: usage.reasoningTokens,
          },
    cost: row.cost,
    code: row.code,
    message: row.message,
    warnings: [...row.warnings],
  });
}

function describe(result: MultiAgentResult): string {
  const { strategy, answer, agreement, tied, members, judge, totals } = result;
  const percent = `${Math.round(agreement * 100)} % agree`;
  const head =
    answer !== null
      ? `Answer by ${strategy} (${percent}):\n${answer}`
      : strategy === "all"
        ? `${totals.succeeded} of ${members.length} models answered (${percent})`
        : `No answer by ${strategy}: ${tied ? "a tie" : judge?.status === "failed" ? `the judge failed (${judge.code ?? ""})` : "nothing to compare"} (${percent})`;
  const reason =
    judge?.status === "ok" && judge.reason !== undefined ? [`${judge.model}: ${judge.reason}`] : [];
  return [head, ...reason, ...members.map(describeMember)].join("\n\n");
}

function describeMember(row: MemberRow): string {
  const { model, host, status, text = "", latencyMs, score, code, message } = row;
  const seconds = `${(latencyMs / 1_000).toFixed(1)} s`;
  const place = `${model}${host === undefined ? "" : ` at ${host}`}`;
  if (status !== "ok") return `### ${place}: ${status} (${[code, message].filter(Boolean).join(": ")})`;
  return `### ${place} (${seconds}${score === undefined ? "" : `, score ${score}`})\n${text}`;
}
