// One endpoint that generates: how its request is read, and how its answers, refusals and broken streams look. All of them
// run the same models.
import type { ServerResponse } from "node:http";
import type { Clock } from "@fairlead/core";
import type { Body, Frame } from "./exchange.ts";
import type { Refusal } from "./refusal.ts";
import type { Question, Run } from "./run.ts";

export interface Surface {
  /** What is asked. @throws {@link Refusal} as the endpoint validates. */
  read(body: Body): Question;
  /** Runs it and writes the answer. @throws GenerationEnded, BrokenConnection, or the signal's reason. */
  answer(response: ServerResponse, run: Run, context: AnswerContext): Promise<void>;
  /** Before the model is there; streams with progress begin here. Returns what ends the progress. */
  waiting?(response: ServerResponse, question: Question, wait: Wait): () => void;
  /** A refusal in the shape of this endpoint. @defaultValue as it is */
  refusal?(refusal: Refusal): Refusal;
  /** The frames that end a stream with an error. */
  broken(message: string, type: string | undefined): readonly Frame[];
}

export interface AnswerContext {
  readonly body: Body;
  readonly question: Question;
  readonly clock: Clock;
  /** Unix time in seconds. */
  readonly created: number;
  /** Keeps a conversation under an id for `previous_response_id`. */
  remember(id: string, conversation: string): void;
}

/** What a request waits for before it can be answered. */
export interface Wait {
  readonly clock: Clock;
  /** Time that the load will take, in milliseconds; `undefined` when the model is loaded. */
  readonly loadMs: number | undefined;
  /** The instance that will answer. */
  readonly instanceId: string;
  readonly signal: AbortSignal;
}
