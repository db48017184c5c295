// The same as the simulation of the aggregator (`fairness.test.ts`), with a real gateway, real time and real servers: nine
// clients at their share of a pool, and a tenth at its share or at ten times as much, in turns. Only in the extra suites, since
// it measures: FAIRLEAD_SUITE_ROUNDS says how many turns of 15 s each of the two gets.
import { createHash } from "node:crypto";
import { Agent, request } from "node:http";
import { createSeededRandom } from "@fairlead/core/testing";
import { waitUntil } from "@fairlead/testbed";
import { describe, expect, it } from "vitest";
import { NO_LIMITS, startGateway, stdioFixture } from "./gateway.ts";

const ROUNDS = Number(process.env["FAIRLEAD_SUITE_ROUNDS"] ?? 0);
const ROUND_MS = 15_000;
const SLOTS = 8;
/** Long enough that the machine has little to do: what is measured is who waits for whom. */
const MEAN_MS = 100;
const CLIENTS = 10;
const LOAD = 0.7;
const SEED = 1;

const keyOf = (client: number): string => `key-of-client-${client}`;
const sha256 = (text: string): string => createHash("sha256").update(text).digest("hex");

function quantile(values: readonly (number | undefined)[], share: number): number {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length * share)] ?? Number.NaN;
}

describe.skipIf(ROUNDS === 0)("a client that sends ten times its share", () => {
  it(
    "raises the p99 of the others by no more than a fifth",
    async () => {
      const known = Array.from({ length: CLIENTS }, (_, at) => [
        `client-${at}`,
        { keySha256: sha256(keyOf(at)) },
      ]);
      await using gateway = await startGateway({
        clients: { ...NO_LIMITS, known: Object.fromEntries(known) as unknown },
        pools: { a: { upstreams: [{ ...stdioFixture(), maxConcurrency: SLOTS }] } },
      });
      await gateway.untilReady();
      const agent = new Agent({ keepAlive: true, maxSockets: 2_000 });
      const random = createSeededRandom(SEED);
      const exponential = (mean: number): number => -mean * Math.log(1 - random());

      /** One call; resolves to how long it took, or to undefined when it was refused. */
      const call = (client: number): Promise<number | undefined> => {
        const params = {
          name: "a__slow",
          arguments: { delayMs: Math.round(exponential(MEAN_MS)), steps: 1 },
        };
        const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method: "tools/call", params });
        const headers = { "content-type": "application/json", authorization: `Bearer ${keyOf(client)}` };
        const startedAt = performance.now();
        return new Promise((resolve, reject) => {
          const outgoing = request(`${gateway.url}/mcp`, { method: "POST", agent, headers }, (response) => {
            response.resume().on("end", () => {
              resolve(response.statusCode === 200 ? performance.now() - startedAt : undefined);
            });
          });
          outgoing.on("error", reject).end(body);
        });
      };
      /** Calls at random times, whatever became of those before. */
      const keepCalling = async (client: number, factor: number): Promise<(number | undefined)[]> => {
        const everyMs = (CLIENTS * MEAN_MS) / (SLOTS * LOAD * factor);
        const calls: Promise<number | undefined>[] = [];
        const startedAt = performance.now();
        for (let due = exponential(everyMs); due < ROUND_MS; due += exponential(everyMs)) {
          const waitMs = startedAt + due - performance.now();
          if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
          calls.push(call(client));
        }
        return Promise.all(calls);
      };
      const round = async (greed: number): Promise<(number | undefined)[]> => {
        const greedy = keepCalling(0, greed);
        const polite = Array.from({ length: CLIENTS - 1 }, (_, at) => keepCalling(at + 1, 1));
        const taken = (await Promise.all(polite)).flat();
        await greedy;
        await waitUntil(async () => (await gateway.status()).calls.inFlight === 0, {
          timeoutMs: 30_000,
          what: "the calls of this turn to be over",
        });
        return taken;
      };

      await round(1);
      const taken: Record<"fair" | "greedy", (number | undefined)[]> = { fair: [], greedy: [] };
      for (let at = 0; at < ROUNDS; at++) {
        taken.fair.push(...(await round(1)));
        taken.greedy.push(...(await round(10)));
      }
      agent.destroy();
      const [fair, greedy] = [quantile(taken.fair, 0.99), quantile(taken.greedy, 0.99)];
      console.log(
        `greedy client: p99 ${fair.toFixed(0)} -> ${greedy.toFixed(0)} ms (x ${(greedy / fair).toFixed(3)}), p50 ${quantile(taken.fair, 0.5).toFixed(0)} -> ${quantile(taken.greedy, 0.5).toFixed(0)} ms; ${taken.fair.length} and ${taken.greedy.length} calls of nine polite clients, seed ${SEED}`,
      );
      expect([...taken.fair, ...taken.greedy].filter((ms) => ms === undefined)).toEqual([]);
      expect(greedy / fair).toBeLessThanOrEqual(1.2);
    },
    ROUNDS * ROUND_MS * 4 + 120_000,
  );
});
