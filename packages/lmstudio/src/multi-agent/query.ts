// One question to a panel of models, and what their answers come to.
import type { LmStudioClient } from "../client/client.ts";
import { askJudge, judgeOf } from "./judge.ts";
import { askPanel } from "./panel.ts";
import { type MultiAgentRequest, type Query, queryOf } from "./request.ts";
import { type JudgeReport, type MemberRow, MultiAgentError, type MultiAgentResult } from "./result.ts";
import { type Ballot, countVotes, type Outcome } from "./vote.ts";

/** Of the deadline, for the members, where a judge or a writer comes after them. */
const panelShare = 0.65;

/**
 * Asks several models the same and brings their answers together by the strategy. Members that fail are rows with their reason.
 *
 * @throws RangeError for a request that cannot be meant.
 * @throws {@link MultiAgentError} when too few have answered, or nobody can judge.
 * @throws the reason of the request's signal.
 */
export async function multiAgentQuery(
  client: LmStudioClient,
  request: MultiAgentRequest,
): Promise<MultiAgentResult> {
  const query = queryOf(request);
  const { clock, strategy, deadlineMs, minSuccess, members, onProgress } = query;
  query.signal?.throwIfAborted();
  const startedAt = clock.now();
  const judged = strategy === "judge" || strategy === "best_of" || strategy === "synthesize";
  // Nobody is asked when nobody can judge.
  const judge = judged ? await judgeOf(client, query) : undefined;
  const rows = await askPanel(client, query, startedAt + deadlineMs * (judged ? panelShare : 1));
  const answers = rows.filter(({ status }) => status === "ok");
  const outcome = countVotes(ballotsOf(query, answers), query.tie);
  if (answers.length < minSuccess) {
    const result = resultOf({ answer: null, seat: undefined });
    const why = [...new Set(rows.flatMap(({ code }) => code ?? []))].join(", ");
    throw new MultiAgentError(
      "TOO_FEW_ANSWERS",
      `${answers.length} of ${members.length} models answered, ${minSuccess} had to (${why})`,
      result,
    );
  }
  if (judge === undefined) return resultOf(byVotes(query, answers, outcome));
  const [only] = answers;
  // One answer needs no judge.
  if (strategy !== "synthesize" && answers.length === 1 && only !== undefined)
    return resultOf({ answer: only.text ?? null, seat: only.seat });
  onProgress({ done: members.length, total: members.length, message: `${judge} decides` });
  const { report, seat, text, scores } = await askJudge(
    client,
    query,
    judge,
    answers,
    startedAt + deadlineMs,
  );
  const picked = answers.find((row) => row.seat === seat);
  return resultOf({ answer: text ?? picked?.text ?? null, seat, judge: report, scores });

  function resultOf({
    answer,
    seat: chosen,
    judge: judgeReport,
    scores: scored = new Map(),
  }: {
    answer: string | null;
    seat: number | undefined;
    judge?: JudgeReport;
    scores?: ReadonlyMap<number, number>;
  }): MultiAgentResult {
    const sum = (of: (row: MemberRow) => number): number => rows.reduce((total, row) => total + of(row), 0);
    return {
      strategy,
      answer,
      seat: chosen,
      agreement: outcome.agreement,
      tied: outcome.tied,
      votes: outcome.votes,
      members: rows.map((row) => ({ ...row, score: scored.get(row.seat) })),
      judge: judgeReport,
      partial: rows.some(({ status }) => status !== "ok" && status !== "cancelled"),
      totals: {
        succeeded: answers.length,
        failed: rows.filter(({ status }) => status !== "ok" && status !== "cancelled").length,
        promptTokens: sum(({ usage }) => usage?.promptTokens ?? 0),
        completionTokens: sum(({ usage }) => usage?.completionTokens ?? 0),
        cost: sum(({ cost }) => cost),
        elapsedMs: clock.now() - startedAt,
      },
    };
  }
}

/** Only `weighted` weighs the votes. */
function ballotsOf({ strategy }: Query, answers: readonly MemberRow[]): readonly Ballot[] {
  return answers.map(({ seat, value, weight }) => ({
    seat,
    value,
    weight: strategy === "weighted" ? weight : 1,
    standing: weight,
  }));
}

function byVotes(
  { strategy }: Query,
  answers: readonly MemberRow[],
  { winner }: Outcome,
): { answer: string | null; seat: number | undefined } {
  if (strategy === "first_k") {
    const first = answers.toSorted((a, b) => a.latencyMs - b.latencyMs)[0];
    return { answer: first?.text ?? null, seat: first?.seat };
  }
  if (strategy === "all" || winner === null) return { answer: null, seat: undefined };
  return { answer: winner.value, seat: winner.members[0] };
}
