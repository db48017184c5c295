// Servers that die under their calls, again and again: who is tried once more, and who is given up (ADR 0037).
import { createRetryBudget } from "@fairlead/core";
import { describe, expect, it } from "vitest";
import type { UpstreamExchange } from "../src/upstream/connection.ts";
import { failure, result, setUp } from "./pool-call-harness.ts";

let test: ReturnType<typeof setUp>;
const last = (): UpstreamExchange => {
  const entry = test.sent.at(-1);
  if (entry === undefined) throw new Error("nothing was sent");
  return entry.exchange;
};

describe("calls whose server dies under them, again and again", () => {
  /** Starts calls, and ends the server under all of them until they end, or as often as said. */
  async function dieUnder(calls: number, deaths: number): Promise<void> {
    for (let call = 0; call < calls; call++) test.create().start();
    for (let death = 0; death < deaths && test.errors.length === 0; death++) {
      const running = test.sent.splice(0);
      test.ended.add("a");
      for (const { exchange } of running) exchange.onFailure(failure("maybe"));
      await test.clock.advance(2_000);
    }
  }

  it("go on beyond maxAttempts when many were there: each of them counts the death for its share", async () => {
    test = setUp({ returns: true, budget: createRetryBudget({ initialTokens: 1_000, maxTokens: 1_000 }) });
    test.available.splice(1);
    await dieUnder(8, 10);
    expect(test.errors).toEqual([]);
    expect(test.sent).toHaveLength(8);
    for (const { exchange } of test.sent) exchange.onAnswer(...result);
    expect(test.answers).toHaveLength(8);
  });

  it("end after three deaths for each that was there, so that whoever kills its server does not do so for ever", async () => {
    const budget = createRetryBudget({ initialTokens: 1_000, maxTokens: 1_000 });
    test = setUp({ returns: true, budget });
    test.available.splice(1);
    await dieUnder(1, 20);
    expect(test.errors).toMatchObject([{ code: "FAILOVER_EXHAUSTED", facts: { attempts: 3 } }]);
    test = setUp({ returns: true, budget });
    test.available.splice(1);
    await dieUnder(4, 50);
    expect(test.errors).toHaveLength(4);
    expect(test.errors).toMatchObject(
      Array.from({ length: 4 }, () => ({ code: "FAILOVER_EXHAUSTED", facts: { attempts: 12 } })),
    );
  });

  it("end after maxAttempts where the connection lives on: it is the call that the server cannot take", async () => {
    test = setUp({ returns: true });
    test.available.splice(1);
    for (let call = 0; call < 2; call++) test.create().start();
    for (let attempt = 0; attempt < 3; attempt++) {
      for (const { exchange } of test.sent.splice(0)) exchange.onFailure(failure("maybe"));
      await test.clock.advance(2_000);
    }
    expect(test.errors).toMatchObject([{ facts: { attempts: 3 } }, { facts: { attempts: 3 } }]);
  });

  it("end with the first one where one attempt is all that is allowed", async () => {
    test = setUp({ returns: true, maxAttempts: 1 });
    await dieUnder(4, 2);
    expect(test.errors).toHaveLength(4);
    expect(test.errors).toMatchObject(Array.from({ length: 4 }, () => ({ facts: { attempts: 1 } })));
  });

  it("do not count a server that was gone before it saw them", async () => {
    test = setUp({ returns: true });
    test.available.splice(1);
    test.call.start();
    test.ended.add("a");
    for (let attempt = 0; attempt < 5; attempt++) {
      last().onFailure(failure("no", "closed"));
      await test.clock.advance(2_000);
    }
    last().onAnswer(...result);
    expect(test.answers).toHaveLength(1);
  });

  it("wait no longer than until their server is known to be gone", () => {
    test = setUp({ returns: true });
    test.available.splice(1);
    test.call.start();
    last().onFailure(failure("maybe"));
    expect(test.sent).toHaveLength(1);
    test.call.resume();
    expect(test.sent).toHaveLength(2);
  });
});
