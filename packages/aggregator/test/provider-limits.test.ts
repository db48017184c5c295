// What providers allow: calls in a minute and at a time are waited for, then shed with the time to wait; another provider of a
// lower priority steps in.
import { fixtureServerPath } from "@fairlead/testbed";
import { afterEach, expect, it } from "vitest";
import { createMultiplexer, type Multiplexer, type PoolConfig } from "../src/index.ts";

let multiplexer: Multiplexer | undefined;
afterEach(async () => {
  await multiplexer?.close();
});

async function start(pool: Omit<PoolConfig, "namespace">): Promise<Multiplexer> {
  multiplexer = createMultiplexer({ pools: [{ namespace: "p", ...pool }] });
  await multiplexer.initialize({ settleMs: 30_000 });
  return multiplexer;
}

const fixture = {
  transport: "stdio",
  command: process.execPath,
  args: [fixtureServerPath, "--stdio"],
} as const;
const echo = (target: Multiplexer): Promise<unknown> =>
  target.executeRequest({ method: "tools/call", params: { name: "p__echo", arguments: { message: "x" } } });

it("refuses calls beyond a provider's minute at once when the wait would be too long, and names the wait", async () => {
  const target = await start({ upstreams: [{ ...fixture, requestsPerMinute: 3 }], queueTimeoutMs: 1_000 });
  for (let i = 0; i < 3; i++) await echo(target);
  await expect(echo(target)).rejects.toMatchObject({
    code: "RATE_LIMITED",
    message: expect.stringMatching(/the next may go in \d+ s/),
    facts: { outcome: "not-executed", retryAfterMs: expect.any(Number) },
  });
});

it("waits for the turn when it comes in time", async () => {
  // The fourth call's turn comes 200 ms after the first one's.
  const target = await start({ upstreams: [{ ...fixture, requestsPerMinute: 300 }], queueTimeoutMs: 30_000 });
  await Promise.all(Array.from({ length: 305 }, () => echo(target)));
  const [pool] = target.getStatus().pools;
  expect(pool?.replicas[0]?.calls).toBe(305);
});

it("lets another provider step in; a new limit holds without a new process", async () => {
  const named = (
    id: string,
    priority: number,
    requestsPerMinute?: number,
  ): PoolConfig["upstreams"][number] => ({
    ...fixture,
    id,
    priority,
    ...(requestsPerMinute === undefined ? {} : { requestsPerMinute }),
  });
  const target = await start({ upstreams: [named("first", 1, 5), named("reserve", 2)] });
  for (let i = 0; i < 12; i++) await echo(target);
  const [pool] = target.getStatus().pools;
  const calls = Object.fromEntries((pool?.replicas ?? []).map((replica) => [replica.id, replica.calls]));
  expect(calls).toEqual({ first: 5, reserve: 7 });
  const before = pool?.replicas[0]?.pid;
  await target.updateServer("first", { requestsPerMinute: 600 });
  for (let i = 0; i < 4; i++) await echo(target);
  const after = target.getStatus().pools[0]?.replicas[0];
  expect(after).toMatchObject({ pid: before, calls: 9 });
});

it("forgets what a provider allowed once its upstream is gone", async () => {
  const limited = { ...fixture, id: "limited", priority: 1, requestsPerMinute: 2 };
  const target = await start({ upstreams: [limited, { ...fixture, id: "reserve", priority: 2 }] });
  const callsOfLimited = async (): Promise<number | undefined> => {
    for (let i = 0; i < 4; i++) await echo(target);
    return target.getStatus().pools[0]?.replicas.find(({ id }) => id === "limited")?.calls;
  };
  expect(await callsOfLimited()).toBe(2);
  await target.removeServer("limited", { drainTimeoutMs: 5_000 });
  await target.addServer("p", limited);
  // One of the same name is another one, with an allowance of its own.
  expect(await callsOfLimited()).toBe(2);
});
