// Tells the balancer how busy the processes are that the gateway has started, for strategies that place calls by that.
import { createProcessLoadReader, type LoadReport, type ProcessLoadReader } from "@fairlead/balancer";
import type { Clock, TimerWheel } from "@fairlead/core";
import type { PoolMember } from "./member.ts";

export interface LoadWatchOptions {
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly members: () => Iterable<PoolMember>;
  readonly report: (member: PoolMember, load: LoadReport) => void;
  /** @defaultValue reads /proc */
  readonly readerOf?: (pid: number) => ProcessLoadReader;
}

export interface LoadWatch {
  /** Starts or ends it; while it is off there is no timer. */
  turn(on: boolean): void;
}

const INTERVAL_MS = 1_000;

export function createLoadWatch(options: LoadWatchOptions): LoadWatch {
  const { clock, wheel, members, report } = options;
  const { readerOf = (pid: number) => createProcessLoadReader(pid, { clock }) } = options;
  /** A reader remembers how much CPU time there was the last time. */
  const readers = new WeakMap<PoolMember, { readonly pid: number; readonly reader: ProcessLoadReader }>();
  let isOn = false;
  let ticking = false;

  return {
    turn(on) {
      isOn = on;
      if (on) tickLater();
    },
  };

  function tickLater(): void {
    if (ticking) return;
    ticking = true;
    wheel.schedule(INTERVAL_MS, () => {
      ticking = false;
      if (!isOn) return;
      for (const member of members()) void look(member);
      tickLater();
    });
  }

  async function look(member: PoolMember): Promise<void> {
    const { pid } = member.replica.state;
    if (pid === null) return;
    let known = readers.get(member);
    if (known?.pid !== pid) {
      known = { pid, reader: readerOf(pid) };
      readers.set(member, known);
    }
    const load = await known.reader.read();
    if (load !== undefined && isOn) report(member, load);
  }
}
