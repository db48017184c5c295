// A client and the simulated host that it talks to.
import {
  createLmStudioClient,
  type LmStudioClient,
  type LmStudioClientOptions,
  LmStudioError,
} from "../src/index.ts";
import type { LmStudioSimulator, SimulatorOptions } from "../src/simulator/index.ts";
import { quick, startHost } from "./host.ts";

export const model = "qwen/qwen3.5-9b";
export const ask = { model, messages: [{ role: "user", content: "What is two and two?" }] } as const;
export const models = [{ key: model, answer: "Two and two is four.", ...quick }];

export interface Pair extends AsyncDisposable {
  readonly client: LmStudioClient;
  readonly simulator: LmStudioSimulator;
  readonly url: string;
}

export async function startPair(
  simulated: Partial<SimulatorOptions> = {},
  options: Partial<LmStudioClientOptions> = {},
): Promise<Pair> {
  const host = await startHost({ models, ...simulated });
  const client = createLmStudioClient({ hosts: [host.url], backoffBaseMs: 1, ...options });
  return {
    client,
    simulator: host.simulator,
    url: host.url,
    [Symbol.asyncDispose]: async () => {
      await client.close();
      await host.simulator.close();
    },
  };
}

/** The error that the call ends with. */
export async function errorOf(promise: Promise<unknown>): Promise<LmStudioError> {
  const error = await promise.then(
    (value) => new Error(`no error but ${JSON.stringify(value)}`),
    (reason: unknown) => reason,
  );
  if (error instanceof LmStudioError) return error;
  throw error;
}

/** Requests for an answer that reached the host. */
export function inferences({ simulator }: Pick<Pair, "simulator">): number {
  return simulator.requests().filter(({ number }) => number !== undefined).length;
}
