import { createTimerWheel } from "@fairlead/core";
import { createFakeClock } from "@fairlead/core/testing";
import { expect, it } from "vitest";
import { createLoadWatch } from "./load-watch.ts";
import type { PoolMember } from "./member.ts";

const memberWith = (pid: number | null): PoolMember =>
  ({ replica: { state: { pid } } }) as unknown as PoolMember;

it("reads the load of each process once a second while it is on, anew for a new process, and not at all while it is off", async () => {
  const clock = createFakeClock();
  const members = [memberWith(1), memberWith(null)];
  const log: string[] = [];
  const watch = createLoadWatch({
    clock,
    wheel: createTimerWheel({ clock }),
    members: () => members,
    report: (_member, { cpuUtilization }) => void log.push(`cpu ${cpuUtilization}`),
    readerOf(pid) {
      log.push(`reader for ${pid}`);
      return { read: () => Promise.resolve(pid === 3 ? undefined : { cpuUtilization: pid / 10 }) };
    },
  });
  await clock.advance(5_000);
  expect(log).toEqual([]);
  watch.turn(true);
  await clock.advance(2_100);
  expect(log).toEqual(["reader for 1", "cpu 0.1", "cpu 0.1"]);
  (members[0] as { replica: unknown }).replica = { state: { pid: 2 } };
  await clock.advance(1_050);
  expect(log.slice(3)).toEqual(["reader for 2", "cpu 0.2"]);
  // A process that has ended says nothing.
  (members[0] as { replica: unknown }).replica = { state: { pid: 3 } };
  await clock.advance(1_050);
  expect(log.slice(5)).toEqual(["reader for 3"]);
  watch.turn(false);
  await clock.advance(5_000);
  expect(log).toHaveLength(6);
  expect(clock.pending).toBe(0);
});
