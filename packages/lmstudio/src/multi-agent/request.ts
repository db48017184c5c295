// What a panel of models is asked, checked once and completed with defaults.
import { type Clock, systemClock } from "@fairlead/core";
import { checkExtractor, type Extractor } from "./extract.ts";
import { seatWeight } from "./weights.ts";

/** `all` answers; the `first_k`; the value that most (or the heaviest) agree on; what a judge picks, a writer writes, or scores rank first. */
export const strategies = [
  "all",
  "first_k",
  "majority",
  "weighted",
  "judge",
  "synthesize",
  "best_of",
] as const;

export type Strategy = (typeof strategies)[number];

/** One place on the panel, or several for the same model. */
export interface Seat {
  readonly model: string;
  /** Times that this model is asked, 1–50 (self-consistency). @defaultValue 1 */
  readonly count?: number;
  /** Of its vote with `weighted`, above 0. @defaultValue by `accuracy`, or 1 */
  readonly weight?: number;
  /** Share of answers that it gets right, between 0 and 1; weights its vote where no `weight` is given. */
  readonly accuracy?: number;
  /** Name of a host. @defaultValue the planner's choice */
  readonly host?: string;
  readonly temperature?: number;
  readonly maxTokens?: number;
  /** Goes before the prompt, in place of the panel's. */
  readonly system?: string;
}

/** Of one model, per million tokens, in any currency. */
export interface Price {
  readonly input: number;
  readonly output: number;
}

export interface Budget {
  /** Of prompts and answers together; a member that might exceed it is not asked. */
  readonly maxTokens?: number;
  /** In the currency of `prices`. */
  readonly maxCost?: number;
  /** By model; a model without one is free. */
  readonly prices?: Readonly<Record<string, Price>>;
}

export interface PanelProgress {
  /** Members that have answered or failed. */
  readonly done: number;
  readonly total: number;
  /** For people. */
  readonly message: string;
}

export interface MultiAgentRequest {
  readonly prompt: string;
  /** One to fifty places. */
  readonly models: readonly (string | Seat)[];
  /** @defaultValue "all" */
  readonly strategy?: Strategy;
  readonly system?: string;
  readonly temperature?: number;
  /** Of each answer. */
  readonly maxTokens?: number;
  /** Answers after which the others are called off. @defaultValue 1 with `first_k`, else all */
  readonly k?: number;
  /** With fewer answers the query fails. @defaultValue 1 */
  readonly minSuccess?: number;
  /** Members that are asked at once, 1–50. @defaultValue 10 */
  readonly maxConcurrent?: number;
  /** The whole query, in milliseconds; what has not answered by then is a row without an answer. @defaultValue 300_000 */
  readonly deadlineMs?: number;
  /** Each member, in milliseconds. @defaultValue the deadline */
  readonly modelTimeoutMs?: number;
  readonly budget?: Budget;
  /** What in an answer is compared. @defaultValue the whole text */
  readonly extractor?: Extractor;
  /** When two values have the most votes: no answer, the one of the member listed first, or that of the member with the most weight. @defaultValue "abstain" */
  readonly tie?: "abstain" | "first" | "heaviest";
  /** The model that judges, scores or writes; a judge is not on the panel. @defaultValue one that is loaded and not on the panel; to write, the first of the panel */
  readonly judge?: string;
  /** Times that the judge sees the answers, each time in another order, 1–9. @defaultValue 1 */
  readonly judgeRounds?: number;
  /** Of the order in which a judge sees the answers. @defaultValue 1 */
  readonly seed?: number;
  readonly onProgress?: (progress: PanelProgress) => void;
  readonly signal?: AbortSignal;
  /** @defaultValue systemClock */
  readonly clock?: Clock;
}

/** A member of the panel: one question. */
export interface Member {
  /** From 0, in the order of the request. */
  readonly seat: number;
  readonly model: string;
  readonly weight: number;
  readonly host: string | undefined;
  readonly temperature: number | undefined;
  readonly maxTokens: number | undefined;
  readonly system: string | undefined;
}

type Defaulted =
  | "strategy"
  | "minSuccess"
  | "maxConcurrent"
  | "deadlineMs"
  | "extractor"
  | "tie"
  | "judgeRounds"
  | "seed"
  | "onProgress"
  | "clock";

export interface Query
  extends Omit<MultiAgentRequest, "models" | Defaulted>,
    Required<Pick<MultiAgentRequest, Defaulted>> {
  readonly members: readonly Member[];
}

const maxMembers = 50;

/** @throws RangeError when something is missing or out of range. */
export function queryOf(request: MultiAgentRequest): Query {
  const { models, ...rest } = request;
  if (rest.prompt.trim() === "") throw new RangeError('prompt must not be empty, got ""');
  const members = models.flatMap((given) => {
    const seat: Seat = typeof given === "string" ? { model: given } : given;
    const { count = 1 } = seat;
    if (seat.model === "") throw new RangeError('models[].model must not be empty, got ""');
    whole("models[].count", count, 1, maxMembers);
    return Array.from({ length: count }, () => seat);
  });
  whole("the number of members", members.length, 1, maxMembers);
  const query: Query = {
    strategy: "all",
    minSuccess: 1,
    maxConcurrent: 10,
    deadlineMs: 300_000,
    extractor: { kind: "text" },
    tie: "abstain",
    judgeRounds: 1,
    seed: 1,
    onProgress: () => {},
    clock: systemClock,
    ...(rest.strategy === "first_k" ? { k: 1 } : {}),
    ...rest,
    members: members.map(
      (seat, at): Member => ({
        seat: at,
        model: seat.model,
        weight: seatWeight(seat),
        host: seat.host,
        temperature: seat.temperature ?? rest.temperature,
        maxTokens: seat.maxTokens ?? rest.maxTokens,
        system: seat.system ?? rest.system,
      }),
    ),
  };
  if (!strategies.includes(query.strategy))
    throw new RangeError(`strategy must be one of ${strategies.join(", ")}, got ${query.strategy}`);
  if (query.k !== undefined) whole("k", query.k, 1, members.length);
  whole("minSuccess", query.minSuccess, 1, members.length);
  whole("maxConcurrent", query.maxConcurrent, 1, maxMembers);
  whole("judgeRounds", query.judgeRounds, 1, 9);
  above0("deadlineMs", query.deadlineMs);
  if (query.modelTimeoutMs !== undefined) above0("modelTimeoutMs", query.modelTimeoutMs);
  if (
    query.judge !== undefined &&
    query.strategy !== "synthesize" &&
    members.some(({ model }) => model === query.judge)
  )
    throw new RangeError(`judge must not be on the panel, got ${query.judge}`);
  checkExtractor(query.extractor);
  return query;
}

function whole(option: string, value: number, minimum: number, maximum: number): void {
  if (!Number.isInteger(value) || value < minimum || value > maximum)
    throw new RangeError(`${option} must be an integer from ${minimum} to ${maximum}, got ${value}`);
}

function above0(option: string, value: number): void {
  if (!(value > 0) || value === Infinity)
    throw new RangeError(`${option} must be a finite number above 0, got ${value}`);
}
