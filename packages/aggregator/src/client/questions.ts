// What is asked of a legacy client: requests of servers under ids of the gateway's own, and the way back of the answers.
import type { Clock } from "@fairlead/core";
import { setTimerOn } from "../timer.ts";
import type { ServerRequest } from "../upstream/connection.ts";
import { type Envelope, integerOf } from "../wire/envelope.ts";
import { errorMessage, notificationMessage, rpcCode } from "../wire/reply.ts";
import { splice } from "../wire/splice.ts";
import type { Client, Exchange } from "./client.ts";

/** One question that has no answer yet. */
interface Question {
  /** Its one answer. */
  answered(message: Buffer, envelope: Envelope): void;
  /** No answer will come; why, for people. */
  failed(why: string): void;
  /** Progress of the client on it. */
  progressed?(message: Buffer, envelope: Envelope): void;
}

export interface OpenQuestion {
  /** Nobody waits for the answer any more, and the client is told so. */
  withdraw(): void;
}

export interface Questions {
  /**
   * Asks a client: `print` prints the question under its id, `send` brings it to the client. The question fails when it
   * gets no answer in time, or when too many are open.
   */
  ask(
    client: Client,
    print: (id: Buffer) => Buffer,
    send: (message: Buffer) => void,
    question: Question,
  ): OpenQuestion;
  /** Passes a server's request on. */
  pass(client: Client, request: ServerRequest, send: (message: Buffer) => void): void;
  /** Takes a client's response. */
  answer(client: Client, message: Buffer, envelope: Envelope): void;
  /** Takes a client's progress notification. */
  progress(client: Client, message: Buffer, envelope: Envelope): void;
  /** A client has gone. */
  forget(client: Client): void;
}

/** Questions that one client may have open. */
const MAX_OPEN = 64;
/** How long a person may think. */
const TIMEOUT_MS = 600_000;

interface Entry {
  readonly question: Question;
  readonly cancelTimer: () => void;
}

export function createQuestions(clock: Clock): Questions {
  const open = new Map<Client, Map<number, Entry>>();
  let lastId = 0;

  return { ask, pass, answer, progress, forget };

  function ask(
    client: Client,
    print: (id: Buffer) => Buffer,
    send: (message: Buffer) => void,
    question: Question,
  ): OpenQuestion {
    const mine = open.get(client) ?? new Map<number, Entry>();
    if (mine.size >= MAX_OPEN) {
      question.failed(`the client has ${MAX_OPEN} questions open already`);
      return { withdraw() {} };
    }
    open.set(client, mine);
    const id = ++lastId;
    const withdraw = (): void => {
      if (take(client, id) === undefined) return;
      const reason = "the server no longer waits for the answer";
      send(notificationMessage("notifications/cancelled", { requestId: id, reason }));
    };
    const cancelTimer = setTimerOn(
      clock,
      () => {
        withdraw();
        question.failed(`the client did not answer within ${TIMEOUT_MS / 1_000} s`);
      },
      TIMEOUT_MS,
    );
    mine.set(id, { question, cancelTimer });
    send(print(Buffer.from(String(id))));
    return { withdraw };
  }

  function pass(client: Client, request: ServerRequest, send: (message: Buffer) => void): void {
    const { message, envelope } = request;
    const theirId = message.subarray(envelope.id.start, envelope.id.end);
    const token = envelope.metaProgressToken;
    const asked = ask(
      client,
      (id) => {
        const spans = token.start === -1 ? [envelope.id] : [envelope.id, token];
        return splice(
          message,
          spans.map((span) => ({ span, bytes: id })),
        );
      },
      send,
      {
        answered: (answer, { id }) => request.reply(splice(answer, [{ span: id, bytes: theirId }])),
        failed: (why) => request.reply(errorMessage(theirId, rpcCode.internalError, why)),
        progressed(notification, { progressToken }) {
          if (token.start === -1) return;
          const bytes = message.subarray(token.start, token.end);
          request.notify(splice(notification, [{ span: progressToken, bytes }]));
        },
      },
    );
    request.whenCancelled(asked.withdraw);
  }

  function answer(client: Client, message: Buffer, envelope: Envelope): void {
    const id = integerOf(message, envelope.id);
    if (id !== undefined) take(client, id)?.answered(message, envelope);
  }

  function progress(client: Client, message: Buffer, envelope: Envelope): void {
    const id = integerOf(message, envelope.progressToken);
    if (id !== undefined) open.get(client)?.get(id)?.question.progressed?.(message, envelope);
  }

  function forget(client: Client): void {
    const mine = open.get(client);
    open.delete(client);
    for (const { question, cancelTimer } of mine?.values() ?? []) {
      cancelTimer();
      question.failed("the client has gone");
    }
  }

  /** Takes a question out; whoever takes it ends it. */
  function take(client: Client, id: number): Question | undefined {
    const mine = open.get(client);
    const entry = mine?.get(id);
    if (mine === undefined || entry === undefined) return undefined;
    mine.delete(id);
    if (mine.size === 0) open.delete(client);
    entry.cancelTimer();
    return entry.question;
  }
}

/** To the client on the stream of one of its requests, or on its own stream where that request has none. */
export function streamOf(exchange: Exchange): (message: Buffer) => void {
  const { headers, client } = exchange;
  // On a channel of messages nothing is gained by it, and what is optional may be left out there.
  const hasStream =
    headers !== undefined && (headers.accept ?? "text/event-stream").includes("text/event-stream");
  return hasStream ? (message) => exchange.notify(message) : client.push;
}
