// A modern server that needs input ends its answer with questions, and is asked again with what came back; a legacy client
// is asked in the middle of its call.
import type { Work } from "../pool/policy.ts";
import { type Envelope, textOf } from "../wire/envelope.ts";
import { bytesOf, membersOf } from "../wire/members.ts";
import type { Exchange } from "./client.ts";
import { canBeAsked, legacyParams } from "./input-request.ts";
import type { OpenQuestion, Questions } from "./questions.ts";

/** Rounds that one call may take. */
export const MAX_ROUNDS = 8;

export interface InputRound {
  /** Every question was answered: the members that the next request has beside its own. */
  onAnswered(members: Buffer): void;
  /** Why there is no next request, for people. */
  onRefused(why: string): void;
}

/**
 * Asks a legacy client what the result at `answered.result` wants to know.
 *
 * @param send brings a question to the client
 */
export function askForInput(
  exchange: Exchange,
  answer: Buffer,
  answered: Envelope,
  questions: Questions,
  send: (message: Buffer) => void,
  round: InputRound,
): Work {
  const { client } = exchange;
  const result = membersOf(answer, answered.result);
  const requests = [...membersOf(answer, result.get("inputRequests") ?? { start: -1, end: -1 })];
  const state = bytesOf(answer, result.get("requestState"));
  const responses = new Map<string, Buffer>();
  const open = new Set<OpenQuestion>();
  let ended = false;

  const refuse = (why: string): void => {
    if (ended) return;
    end();
    round.onRefused(why);
  };
  for (const [key, span] of requests) {
    if (ended) break;
    const request = membersOf(answer, span);
    const method = textOf(answer, request.get("method") ?? { start: -1, end: -1 }) ?? "";
    if (!canBeAsked(exchange, method)) {
      refuse(`the server asks ${method}, for which the client has not declared the capability`);
      break;
    }
    const params = legacyParams(bytesOf(answer, request.get("params")));
    open.add(
      questions.ask(
        client,
        (id) =>
          Buffer.from(
            `{"jsonrpc":"2.0","id":${id.toString()},"method":${JSON.stringify(method)},"params":${params}}`,
          ),
        send,
        {
          answered(message, envelope) {
            if (envelope.kind === "error") {
              refuse(`the client refused ${method}: ${errorTextOf(message)}`);
              return;
            }
            // A copy: the message it came in may be large.
            responses.set(key, Buffer.from(message.subarray(envelope.result.start, envelope.result.end)));
            finishIfAll();
          },
          failed: (why) => refuse(`${method} got no answer: ${why}`),
        },
      ),
    );
  }
  finishIfAll();
  return { cancel: end };

  function finishIfAll(): void {
    if (ended || responses.size < requests.length) return;
    ended = true;
    const members = [...responses].map(
      ([key, response]) => `${JSON.stringify(key)}:${response.toString("utf8")}`,
    );
    const parts: string[] = [];
    if (requests.length > 0) parts.push(`"inputResponses":{${members.join(",")}}`);
    if (state !== undefined) parts.push(`"requestState":${state.toString("utf8")}`);
    round.onAnswered(Buffer.from(parts.join(",")));
  }

  function end(): void {
    ended = true;
    for (const question of open) question.withdraw();
  }
}

function errorTextOf(message: Buffer): string {
  const { error } = JSON.parse(message.toString("utf8")) as { error?: { message?: unknown } };
  return typeof error?.message === "string" ? error.message : "it did not say why";
}
