// Asks several pools at the same time and collects what has come by the deadline. A pool that fails, or is late, costs its
// own hits only.
import { AggregatorError, type ExecuteOptions, type MethodRequest, RpcError } from "@fairlead/aggregator";
import type { Clock } from "@fairlead/core";
import type { Provenance, ServerReport } from "./answer.ts";
import type { Capability } from "./config.ts";
import type { ProfileQuery, ToolUse } from "./profile.ts";
import { type FoundText, type ReadResult, readToolResult, type ToolResult } from "./read-result.ts";

/** What to ask of which pool. */
export interface Target {
  readonly pool: string;
  readonly capability: Capability;
  readonly use: ToolUse;
  readonly collection: string | undefined;
}

/** The multiplexer, as far as it is needed here. */
export interface Executor {
  executeRequest<Result>(request: MethodRequest, options: ExecuteOptions): Promise<Result>;
}

export interface FoundHit extends Omit<FoundText, "scoreKind">, Provenance {}

export interface TargetAnswer {
  readonly report: ServerReport;
  readonly hits: readonly FoundHit[];
  readonly graph: ReadResult["graph"];
}

export interface FanOutOptions {
  readonly query: Omit<ProfileQuery, "collection">;
  readonly priority: number | undefined;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly clock: Clock;
}

/** One answer per target, in their order. @throws the reason of the caller's signal */
export async function fanOut(
  executor: Executor,
  targets: readonly Target[],
  options: FanOutOptions,
): Promise<readonly TargetAnswer[]> {
  const { clock, signal, timeoutMs } = options;
  const over = new AbortController();
  const stop = (): void => over.abort(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  const timer = new AbortController();
  clock.sleep(timeoutMs, timer.signal).then(
    () => over.abort(new DOMException(`no answer within ${timeoutMs} ms`, "TimeoutError")),
    () => {},
  );
  try {
    const answers = await Promise.all(targets.map((target) => ask(executor, target, options, over.signal)));
    signal?.throwIfAborted();
    return answers;
  } finally {
    timer.abort();
    signal?.removeEventListener("abort", stop);
  }
}

async function ask(
  executor: Executor,
  { pool, capability, use, collection }: Target,
  { query, priority, clock }: FanOutOptions,
  signal: AbortSignal,
): Promise<TargetAnswer> {
  const startedAt = clock.now();
  const by = { server: null as string | null, failedOver: [] as readonly string[] };
  const call = (args: Readonly<Record<string, unknown>>): Promise<ToolResult> =>
    executor.executeRequest<ToolResult>(
      { method: "tools/call", params: { name: use.tool, arguments: args } },
      {
        ...{ namespace: pool, signal },
        ...(priority === undefined ? {} : { priority }),
        onAnswered({ upstream, failedOver }) {
          by.server = upstream;
          by.failedOver = [...new Set([...by.failedOver, ...failedOver])];
        },
      },
    );
  const report = (
    outcome: ServerReport["outcome"],
    extra: Pick<ServerReport, "hits" | "thresholdApplied" | "error">,
  ) => ({
    ...{ pool, capability, server: by.server, failedOver: by.failedOver, outcome },
    ...{ tookMs: clock.now() - startedAt, ...extra },
  });
  try {
    const given = use.arguments({ ...query, collection });
    const calls: readonly Readonly<Record<string, unknown>>[] = Array.isArray(given) ? given : [given];
    const results = await Promise.all(calls.map((args) => call(args)));
    const failed = results.find(({ isError }) => isError === true);
    if (failed !== undefined) throw new ToolFailure(failed.content?.[0]?.text ?? `${use.tool} failed`);
    const read = results.map((result) => readToolResult(result, use.read));
    const { hits, thresholdApplied } = withThreshold(read, use, query.threshold);
    const provenance = { pool, capability, server: by.server ?? pool, failedOver: by.failedOver };
    return {
      report: report("answered", { hits: hits.length, thresholdApplied }),
      hits: hits.map((hit, at) => {
        const { score: rawScore, scoreKind = use.scoreKind } = hit;
        return {
          ...hit,
          ...provenance,
          rank: at + 1,
          rawScore,
          scoreKind: rawScore === null ? "none" : scoreKind,
        };
      }),
      graph: {
        nodes: read.flatMap(({ graph }) => graph.nodes),
        edges: read.flatMap(({ graph }) => graph.edges),
      },
    };
  } catch (error) {
    const late = signal.aborted;
    return {
      report: report(late ? "timed-out" : "failed", {
        hits: 0,
        thresholdApplied: true,
        error: describe(error, late),
      }),
      hits: [],
      graph: { nodes: [], edges: [] },
    };
  }
}

class ToolFailure extends Error {}

/** A threshold means something only where a score is a similarity; elsewhere all hits stay, and that is said. */
function withThreshold(
  read: readonly ReadResult[],
  { scoreKind }: ToolUse,
  threshold: number,
): { readonly hits: readonly FoundText[]; readonly thresholdApplied: boolean } {
  const hits = [...new Map(read.flatMap(({ hits }) => hits).map((hit) => [hit.text, hit])).values()];
  if (threshold === 0) return { hits, thresholdApplied: true };
  const said = read.every(({ thresholdApplied }) => thresholdApplied === true);
  const refused = read.some(({ thresholdApplied }) => thresholdApplied === false);
  if (refused || scoreKind !== "similarity") return { hits, thresholdApplied: said };
  const isSimilarity = (hit: FoundText): boolean =>
    hit.score !== null && (hit.scoreKind ?? scoreKind) === "similarity";
  // A server may take the threshold and ignore it: what it calls similar is compared here as well.
  const kept = hits.filter((hit) => (isSimilarity(hit) ? (hit.score ?? 0) >= threshold : said));
  return { hits: kept, thresholdApplied: said || hits.every(isSimilarity) };
}

function describe(error: unknown, late: boolean): { readonly code: string; readonly message: string } {
  const message = error instanceof Error ? error.message : String(error);
  if (late) return { code: "DEADLINE_EXCEEDED", message };
  if (error instanceof AggregatorError || error instanceof RpcError) return { code: error.code, message };
  return { code: error instanceof ToolFailure ? "TOOL_FAILED" : "QUERY_FAILED", message };
}
