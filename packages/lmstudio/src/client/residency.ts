// What a host has loaded, as it says itself: asked before the first call, after every load, and every half minute. Context
// length, parallel slots and the way to the right host all go by it.
import { type Clock, pipeline } from "@fairlead/core";
import { canonicalName, sameModel } from "./model-names.ts";
import type { ModelInfo } from "./models.ts";

export interface Residency {
  /** As last said; `undefined` while nobody knows, or where the host does not say. */
  readonly models: readonly ModelInfo[] | undefined;
  /** Grows with every answer. */
  readonly version: number;
  /** The model as last said. */
  find(model: string): ModelInfo | undefined;
  /** Whether it is loaded; `undefined` where the host does not say. */
  has(model: string): boolean | undefined;
  /** Asks if it must: waits for the first answer and for one after a load, not for others. Never throws but the signal's reason. */
  known(signal: AbortSignal): Promise<void>;
  /** Somebody asks for another reason, now: what takes the answer, unless something has been loaded or unloaded meanwhile. */
  listen(): (models: readonly ModelInfo[]) => void;
  /** Something has been loaded or unloaded. */
  stale(): void;
}

/** How long an answer is good for, and how long a host may take to give one, in milliseconds. */
const goodForMs = 30_000;
const answersWithinMs = 2_000;

export function createResidency(
  list: (signal: AbortSignal) => Promise<readonly ModelInfo[]>,
  clock: Clock,
): Residency {
  const question = pipeline({ clock, timeoutMs: answersWithinMs });
  let models: readonly ModelInfo[] | undefined;
  let version = 0;
  /** Loads and unloads so far. */
  let changes = 0;
  let askedAt = Number.NEGATIVE_INFINITY;
  let mustWait = true;
  let asking: Promise<void> | undefined;

  return {
    get models() {
      return models;
    },
    get version() {
      return version;
    },
    find,
    has(model) {
      const found = find(model);
      return found === undefined ? (models === undefined ? undefined : false) : found.loaded;
    },
    async known(signal) {
      signal.throwIfAborted();
      if (clock.now() - askedAt >= goodForMs) asking ??= ask();
      if (!mustWait || asking === undefined) return;
      await unlessAborted(asking, signal);
    },
    listen() {
      const since = changes;
      const sentAt = clock.now();
      return (listed) => {
        if (changes !== since) return;
        askedAt = sentAt;
        asking = undefined;
        take(listed);
      };
    },
    stale() {
      changes += 1;
      askedAt = Number.NEGATIVE_INFINITY;
      mustWait = true;
      // An answer that is on its way is from before.
      asking = undefined;
    },
  };

  function find(model: string): ModelInfo | undefined {
    const name = canonicalName(model);
    return (
      models?.find(({ key }) => canonicalName(key) === name) ??
      models?.find(({ key }) => sameModel(key, model))
    );
  }

  function ask(): Promise<void> {
    askedAt = clock.now();
    const asked = question
      .execute(({ signal }) => list(signal))
      .then(
        (answer) => answer,
        // The calls themselves will show what is wrong.
        () => undefined,
      )
      .then((answer) => {
        if (asking !== asked) return;
        asking = undefined;
        take(answer);
      });
    return asked;
  }

  function take(answer: readonly ModelInfo[] | undefined): void {
    models = answer;
    version += 1;
    mustWait = false;
  }
}

function unlessAborted(promise: Promise<void>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = (): void => reject(signal.reason as unknown);
    signal.addEventListener("abort", leave, { once: true });
    void promise.finally(() => {
      signal.removeEventListener("abort", leave);
      resolve();
    });
  });
}
