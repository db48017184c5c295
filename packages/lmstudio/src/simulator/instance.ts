// One loaded copy of a model: its slots, and how fast it reads and writes when several requests share it.
import { type Clock, createBulkhead } from "@fairlead/core";
import type { Model } from "./options.ts";
import { GenerationEnded } from "./refusal.ts";

export interface Instance {
  /** The model's key for the first copy, `key:2` for the second. */
  readonly id: string;
  readonly model: Model;
  /** Loaded by a chat request, so it has a time to live and may be evicted. */
  readonly justInTime: boolean;
  readonly contextLength: number;
  /** Requests that hold a slot. */
  readonly busy: number;
  /** Requests that wait for one. */
  readonly queued: number;
  /** When it was loaded, on the clock's scale. */
  readonly loadedAt: number;
  /** When it was last asked for anything, on the clock's scale. */
  lastUsedAt: number;
  /** Its own idle time to live, in milliseconds, where a request has given one (`ttl`). */
  ttlMs: number | undefined;
  /**
   * Waits for a slot, reads the prompt, then yields each token when it is due.
   *
   * @throws the signal's reason when the client has left; the prompt is read to its end even then.
   * @throws {@link GenerationEnded} when the model is unloaded.
   */
  generate(promptTokens: number, tokens: readonly string[], signal: AbortSignal): AsyncGenerator<string>;
  /** Ends what runs and what waits. */
  unload(): void;
}

export interface InstanceOptions {
  readonly id: string;
  readonly model: Model;
  readonly justInTime: boolean;
  readonly contextLength: number;
  readonly clock: Clock;
}

export function createInstance({ id, model, justInTime, contextLength, clock }: InstanceOptions): Instance {
  const gone = new AbortController();
  const slots = createBulkhead({ limit: model.parallel, maxQueue: 10_000, clock });
  let writing = 0;
  let readingUntil = Number.NEGATIVE_INFINITY;

  const instance: Instance = {
    id,
    model,
    justInTime,
    contextLength,
    loadedAt: clock.now(),
    lastUsedAt: clock.now(),
    ttlMs: undefined,
    get busy() {
      return slots.inFlight;
    },
    get queued() {
      return slots.queueLength;
    },
    generate,
    unload: () => gone.abort(new GenerationEnded("Model is unloaded.")),
  };
  return instance;

  async function* generate(
    promptTokens: number,
    tokens: readonly string[],
    signal: AbortSignal,
  ): AsyncGenerator<string> {
    const either = AbortSignal.any([signal, gone.signal]);
    const permit = await slots.acquire({ signal: either });
    try {
      await read(promptTokens);
      signal.throwIfAborted();
      writing += 1;
      try {
        let dueAt = clock.now();
        for (const token of tokens) {
          dueAt += (1_000 * writing) / (model.tokensPerSecond * throughput(writing));
          await untilDue(() => Math.max(dueAt, readingUntil), either);
          dueAt = Math.max(dueAt, readingUntil);
          instance.lastUsedAt = clock.now();
          yield token;
        }
      } finally {
        writing -= 1;
      }
    } finally {
      permit.release();
    }
  }

  // A prompt is read to its end even when its client has left, and stalls what is being written (#1709, #570).
  async function read(promptTokens: number): Promise<void> {
    const ms = (1_000 * promptTokens) / model.prefillTokensPerSecond;
    readingUntil = Math.max(clock.now(), readingUntil) + ms;
    const doneAt = readingUntil;
    await untilDue(() => doneAt, gone.signal);
  }

  async function untilDue(dueAt: () => number, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    for (let ms = dueAt() - clock.now(); ms > 0; ms = dueAt() - clock.now()) await clock.sleep(ms, signal);
  }
}

// Measured with 1, 2, 4 and 8 requests at a time: 84.6, 112.8, 133.8 and 134.4 tokens per second (vllm-mlx#256).
const measured = [
  [1, 1],
  [2, 112.8 / 84.6],
  [4, 133.8 / 84.6],
  [8, 134.4 / 84.6],
] as const;

/** How many times the speed of a single generation `requests` of them reach together; straight between the measured ones. */
export function throughput(requests: number): number {
  let [fromCount, fromFactor]: readonly [number, number] = measured[0];
  for (const [count, factor] of measured) {
    if (requests <= count) {
      const share = count === fromCount ? 0 : (requests - fromCount) / (count - fromCount);
      return fromFactor + share * (factor - fromFactor);
    }
    [fromCount, fromFactor] = [count, factor];
  }
  return fromFactor;
}
