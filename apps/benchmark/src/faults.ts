// What goes wrong in the failover scenario, step by step, and whom it happens to.
import { setTimeout as sleep } from "node:timers/promises";
import { isAlive, waitUntil } from "@fairlead/testbed";

/** The server, or all processes of it, that the fault happens to. */
export interface Victim {
  /** Of those that live now. */
  pids(): readonly number[];
  /** Starts it again; does nothing where that is the target's own business. */
  restart(): Promise<void>;
}

export interface Fault {
  readonly name: string;
  /** What is done, for somebody who knows none of the words. */
  readonly words: string;
  /** Does it, and undoes it. */
  run(victim: Victim): Promise<void>;
}

/** No fault takes longer, in milliseconds, restarts of servers included. */
export const LONGEST_FAULT_MS = 2_500;

const AWAY_MS = 1_000;
const STUCK_MS = 2_000;
const FLAPS = 4;
const FLAP_MS = 250;
const RESTART_MS = 300;

export const FAULTS: readonly Fault[] = [
  {
    name: "crash",
    words: `the server is killed (kill -9) in the middle of its calls, and started again ${AWAY_MS / 1_000} s later`,
    async run(victim) {
      signal(victim, "SIGKILL");
      await sleep(AWAY_MS);
      await victim.restart();
    },
  },
  {
    name: "hang",
    words: `the server stops (SIGSTOP) for ${STUCK_MS / 1_000} s: connections stay open, nothing is answered`,
    async run(victim) {
      const stopped = signal(victim, "SIGSTOP");
      await sleep(STUCK_MS);
      for (const pid of stopped) quietly(pid, "SIGCONT");
    },
  },
  {
    name: "slow",
    words: `the server takes 25 times as long for ${STUCK_MS / 1_000} s`,
    async run(victim) {
      const slowed = signal(victim, "SIGUSR2");
      await sleep(STUCK_MS);
      for (const pid of slowed) quietly(pid, "SIGUSR2");
    },
  },
  {
    name: "flap",
    words: `the server is killed and started again ${FLAPS} times, a quarter of a second between`,
    async run(victim) {
      for (let flap = 0; flap < FLAPS; flap++) {
        signal(victim, "SIGKILL");
        await sleep(FLAP_MS);
        await victim.restart();
        await sleep(FLAP_MS);
      }
    },
  },
  {
    name: "restart",
    words: `the server is asked to end (SIGTERM), finishes what it has begun, and is started again ${RESTART_MS} ms later`,
    async run(victim) {
      const ended = signal(victim, "SIGTERM");
      await waitUntil(() => !ended.some(isAlive), { what: "the server to end" });
      await sleep(RESTART_MS);
      await victim.restart();
    },
  },
];

function signal(victim: Victim, name: NodeJS.Signals): readonly number[] {
  const pids = victim.pids();
  for (const pid of pids) quietly(pid, name);
  return pids;
}

function quietly(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // The target has ended it meanwhile.
  }
}
