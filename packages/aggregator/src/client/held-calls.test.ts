import { createFakeClock, type FakeClock } from "@fairlead/core/testing";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { Scope } from "../catalog/catalog.ts";
import type { ServerRequest } from "../upstream/connection.ts";
import { scanEnvelope } from "../wire/envelope.ts";
import { createClient } from "./client.ts";
import { ClientExchange } from "./exchange.ts";
import { createHeldCalls, type HeldCalls } from "./held-calls.ts";
import { createQuestions } from "./questions.ts";

const scope = {} as Scope;
const client = createClient("c", scope, () => {});

let clock: FakeClock;
let held: HeldCalls;
beforeEach(() => {
  clock = createFakeClock();
  held = createHeldCalls(clock);
});

/** A request of a modern client, and what it is told. */
function exchangeOf(params: object = {}) {
  const message = Buffer.from(
    JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params: { name: "t", ...params } }),
  );
  const told: string[] = [];
  const exchange = new ClientExchange(
    {
      era: "modern",
      client,
      caller: { id: "x" },
      scope,
      message,
      envelope: scanEnvelope(message),
      headers: {},
    },
    { reply: (reply) => told.push(reply.toString()), notify: () => {}, drop: () => told.push("dropped") },
  );
  const cancel = vi.fn();
  exchange.work = { cancel };
  return {
    exchange,
    told,
    cancel,
    last: () => JSON.parse(told.at(-1) ?? "{}") as { readonly result?: unknown },
  };
}

/** A question of a server, and what it is answered. */
function questionOf(id = 7) {
  const message = Buffer.from(
    JSON.stringify({ jsonrpc: "2.0", id, method: "elicitation/create", params: { message: "?" } }),
  );
  const answers: string[] = [];
  let onCancelled = (): void => {};
  const request: ServerRequest = {
    message,
    envelope: scanEnvelope(message),
    whenCancelled: (callback) => {
      onCancelled = callback;
    },
    reply: (answer) => answers.push(answer.toString()),
    notify: () => {},
  };
  return { request, answers, cancelled: () => onCancelled() };
}

const GATHER_MS = 20;

describe("a held call", () => {
  it("asks together what is asked together, and goes on with the answers", async () => {
    const first = exchangeOf();
    const [a, b] = [questionOf(7), questionOf(8)];
    held.ask(first.exchange, a.request);
    await clock.advance(GATHER_MS / 2);
    held.ask(first.exchange, b.request);
    await clock.advance(GATHER_MS);
    const { requestState, inputRequests } = first.last()["result"] as {
      requestState: string;
      inputRequests: object;
    };
    expect(Object.keys(inputRequests)).toHaveLength(2);
    const [one = "", two = ""] = Object.keys(inputRequests);
    const second = exchangeOf({
      requestState,
      inputResponses: { [one]: { action: "accept" }, [two]: { action: "cancel" } },
    });
    expect(held.resume(second.exchange)).toBe(true);
    expect([...a.answers, ...b.answers].map((text) => JSON.parse(text) as unknown)).toEqual([
      { jsonrpc: "2.0", id: 7, result: { action: "accept" } },
      { jsonrpc: "2.0", id: 8, result: { action: "cancel" } },
    ]);
    first.exchange.reply(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"done":true}}'));
    expect(second.last()).toMatchObject({ id: 1, result: { done: true } });
    expect(clock.pending).toBe(0);
  });

  it("is given up after ten minutes, and its state has expired", async () => {
    const first = exchangeOf();
    held.ask(first.exchange, questionOf().request);
    await clock.advance(GATHER_MS);
    const { requestState } = first.last()["result"] as { requestState: string };
    await clock.advance(599_000);
    expect(first.cancel).not.toHaveBeenCalled();
    await clock.advance(2_000);
    expect(first.cancel).toHaveBeenCalledOnce();
    const late = exchangeOf({ requestState, inputResponses: {} });
    expect(held.resume(late.exchange)).toBe(true);
    expect(late.last()).toMatchObject({ error: { code: -32602 } });
  });

  it("that ends while nobody waits is told to the next round", async () => {
    const first = exchangeOf();
    const question = questionOf();
    held.ask(first.exchange, question.request);
    await clock.advance(GATHER_MS);
    const { requestState } = first.last()["result"] as { requestState: string };
    question.cancelled();
    first.exchange.reply(Buffer.from('{"jsonrpc":"2.0","id":1,"result":{"done":true}}'));
    const second = exchangeOf({ requestState, inputResponses: {} });
    held.resume(second.exchange);
    expect(second.last()).toMatchObject({ result: { done: true } });
    expect(question.answers).toEqual([]);
  });

  it("is not what another server's state belongs to", () => {
    expect(held.resume(exchangeOf({ requestState: "another server's" }).exchange)).toBe(false);
    expect(held.resume(exchangeOf({ inputResponses: {} }).exchange)).toBe(false);
  });

  it("has a bounded number of questions open", async () => {
    const first = exchangeOf();
    const questions = Array.from({ length: 17 }, (_, at) => questionOf(at));
    for (const { request } of questions) held.ask(first.exchange, request);
    await clock.advance(GATHER_MS);
    expect(questions.filter(({ answers }) => answers.length > 0).map(({ answers }) => answers[0])).toEqual([
      expect.stringContaining('"code":-32603'),
    ]);
  });
});

describe("questions to one client", () => {
  it("are bounded in number and in time, and fail when the client goes", async () => {
    const questions = createQuestions(clock);
    const failed: string[] = [];
    const sent: string[] = [];
    const ask = (): void =>
      void questions.ask(
        client,
        (id) => Buffer.from(`question ${id.toString()}`),
        (message) => sent.push(message.toString()),
        { answered: () => {}, failed: (why) => failed.push(why) },
      );
    for (let at = 0; at < 65; at++) ask();
    expect(failed).toEqual(["the client has 64 questions open already"]);
    await clock.advance(601_000);
    expect(failed).toHaveLength(65);
    expect(failed.at(-1)).toMatch(/did not answer within 600 s/);
    expect(sent.filter((message) => message.includes("notifications/cancelled"))).toHaveLength(64);
    ask();
    questions.forget(client);
    expect(failed.at(-1)).toBe("the client has gone");
    expect(clock.pending).toBe(0);
  });
});
