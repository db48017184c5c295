// A simulated host for tests: as fast as the machine, unless a clock is given.
import {
  createLmStudioSimulator,
  type LmStudioSimulator,
  type SimulatorOptions,
} from "../src/simulator/index.ts";

export const quick = { loadMs: 0, tokensPerSecond: 1e9, prefillTokensPerSecond: 1e9 } as const;

export interface Host extends AsyncDisposable {
  readonly simulator: LmStudioSimulator;
  readonly url: string;
}

export async function startHost(options: SimulatorOptions): Promise<Host> {
  const simulator = createLmStudioSimulator(options);
  const url = await simulator.listen();
  return { simulator, url, [Symbol.asyncDispose]: simulator.close };
}

/** Lets the event loop turn, sockets included, until it is so. */
export async function until(condition: () => boolean): Promise<void> {
  for (let turns = 0; !condition(); turns += 1) {
    if (turns > 200_000) throw new Error(`never came about: ${condition.toString()}`);
    await new Promise((resolve) => setImmediate(resolve));
  }
}
