// What becomes of a query: a row for each member, failed ones as well, and what they come to together.

import type { LmStudioErrorCode } from "../client/errors.ts";
import type { AnswerWarning } from "../client/generate.ts";
import type { Usage } from "../client/parts.ts";
import type { Strategy } from "./request.ts";
import type { ValueVotes } from "./vote.ts";

/** `cancelled`: enough others had answered. `skipped`: it was not asked. */
export type MemberStatus = "ok" | "timeout" | "rate-limited" | "error" | "cancelled" | "skipped";

export interface MemberRow {
  /** From 0. */
  readonly seat: number;
  readonly model: string;
  readonly host: string | undefined;
  readonly status: MemberStatus;
  readonly text: string | undefined;
  readonly reasoning: string | undefined;
  /** What counted in its answer; `null` where nothing was found. */
  readonly value: string | null;
  readonly weight: number;
  /** By a scoring judge, 0–10. */
  readonly score: number | undefined;
  /** From asking to the end, in milliseconds. */
  readonly latencyMs: number;
  /** Of this, waiting for a slot or a swap. */
  readonly queueMs: number | undefined;
  /** Of this, until the host had loaded the model. */
  readonly loadMs: number | undefined;
  readonly usage: Usage | undefined;
  readonly cost: number;
  readonly code: LmStudioErrorCode | "BUDGET_EXCEEDED" | "CANCELLED" | undefined;
  readonly message: string | undefined;
  readonly warnings: readonly AnswerWarning[];
}

export interface JudgeReport {
  readonly model: string;
  readonly status: "ok" | "failed";
  /** Seats in the order of the judge's rounds. */
  readonly picks: readonly number[];
  readonly reason: string | undefined;
  readonly code: string | undefined;
}

export interface MultiAgentResult {
  readonly strategy: Strategy;
  /** What the panel comes to; `null` with `all`, with a tie that abstains, and when a judge fails. */
  readonly answer: string | null;
  /** The member whose text it is. */
  readonly seat: number | undefined;
  /** Share of the panel's weight behind the value that most share, 0–1: how far to trust it. */
  readonly agreement: number;
  readonly tied: boolean;
  readonly votes: readonly ValueVotes[];
  readonly members: readonly MemberRow[];
  readonly judge: JudgeReport | undefined;
  /** Somebody has not answered. */
  readonly partial: boolean;
  readonly totals: {
    readonly succeeded: number;
    readonly failed: number;
    readonly promptTokens: number;
    readonly completionTokens: number;
    readonly cost: number;
    readonly elapsedMs: number;
  };
}

/** `TOO_FEW_ANSWERS`: below `minSuccess`. `JUDGE_REQUIRED`: nobody can judge who is not on the panel. */
export class MultiAgentError extends Error {
  override readonly name = "MultiAgentError";
  readonly code: "TOO_FEW_ANSWERS" | "JUDGE_REQUIRED";
  /** What there is. */
  readonly result: MultiAgentResult | undefined;

  constructor(code: MultiAgentError["code"], message: string, result?: MultiAgentResult) {
    super(message);
    this.code = code;
    this.result = result;
  }
}
