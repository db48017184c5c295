// Who may ask a host for which model now. A host that loads a model for a request unloads another, also one at work, and
// breaks loads off that overlap (lmstudio-bug-tracker#671, #1751, #1796). So: one load at a time; callers of a cold model wait for
// the first of them; a swap waits until the other model has nothing left to answer, and then all that wait for it go together.
import type { Residency } from "./residency.ts";

export interface Pass {
  /** The model has to be loaded for this call. */
  readonly loads: boolean;
  /** The host has begun to answer, so the model is there. */
  answered(): void;
  /** The call is over. Once. */
  leave(): void;
}

export interface ModelGate {
  /**
   * @param evicts - Whether a load for this call makes the host unload another model; one that a person would do does not.
   * @throws the signal's reason.
   */
  enter(model: string, signal: AbortSignal, evicts: boolean): Promise<Pass>;
  /** Calls that wait for a load or a swap. */
  readonly waiting: number;
}

interface Waiter {
  readonly model: string;
  readonly evicts: boolean;
  readonly admit: (pass: Pass) => void;
}

export function createModelGate(residency: Residency): ModelGate {
  const active = new Map<string, number>();
  const queue: Waiter[] = [];
  let loading: string | undefined;
  /** Have answered though the host does not list them as loaded: it knows them by another name, or its list is late. */
  const unlisted = new Set<string>();
  /** Seen loaded before and after another model's load: a person's, which no request unloads. */
  const lasting = new Set<string>();

  return {
    async enter(model, signal, evicts) {
      await residency.known(signal);
      signal.throwIfAborted();
      return new Promise<Pass>((resolve, reject) => {
        const waiter: Waiter = {
          model,
          evicts,
          admit(pass) {
            signal.removeEventListener("abort", leave);
            resolve(pass);
          },
        };
        const leave = (): void => {
          queue.splice(queue.indexOf(waiter), 1);
          reject(signal.reason as unknown);
          admitWaiting();
        };
        signal.addEventListener("abort", leave, { once: true });
        queue.push(waiter);
        admitWaiting();
      });
    },
    get waiting() {
      return queue.length;
    },
  };

  function admitWaiting(): void {
    // A person's models go past everything.
    admitAll(({ model }) => lasting.has(model) && isLoaded(model));
    while (loading === undefined) {
      const [first] = queue;
      if (first === undefined) return;
      const { model, evicts } = first;
      if (isLoaded(model)) admitAll((waiter) => waiter.model === model);
      else if (evicts && [...active.keys()].some((other) => !lasting.has(other))) return;
      else {
        loading = model;
        queue.shift();
        admit(first, true);
      }
    }
  }

  function admitAll(chosen: (waiter: Waiter) => boolean): void {
    for (const waiter of queue.filter(chosen)) {
      queue.splice(queue.indexOf(waiter), 1);
      admit(waiter, false);
    }
  }

  function admit(waiter: Waiter, loads: boolean): void {
    const { model } = waiter;
    active.set(model, (active.get(model) ?? 0) + 1);
    let isOver = false;
    let isAnswered = !loads;
    waiter.admit({
      loads,
      answered() {
        if (isAnswered) return;
        isAnswered = true;
        void loaded(model);
      },
      leave() {
        if (isOver) return;
        isOver = true;
        const left = (active.get(model) ?? 1) - 1;
        if (left === 0) active.delete(model);
        else active.set(model, left);
        // The load has failed, or nobody knows; the next one tries.
        if (!isAnswered) {
          isAnswered = true;
          loading = undefined;
          residency.stale();
        }
        admitWaiting();
      },
    });
  }

  async function loaded(model: string): Promise<void> {
    const before = loadedNow();
    residency.stale();
    await residency.known(never);
    const after = loadedNow();
    for (const name of after) if (before.has(name) && name !== model) lasting.add(name);
    for (const name of [...lasting]) if (!after.has(name)) lasting.delete(name);
    if (residency.has(model) === false && unlisted.size < maxUnlisted) unlisted.add(model);
    loading = undefined;
    // All that wait for it now go with the first: one swap for all of them.
    admitAll((waiter) => waiter.model === model && isLoaded(model));
    admitWaiting();
  }

  /** Where a host does not say what it has loaded, nothing is known of its swaps either, and every call passes. */
  function isLoaded(model: string): boolean {
    return residency.has(model) !== false || unlisted.has(model);
  }

  /** Of the models that are asked for here. */
  function loadedNow(): Set<string> {
    const names = [...active.keys(), ...queue.map(({ model }) => model), ...lasting];
    return new Set(names.filter((name) => residency.has(name) === true));
  }
}

const maxUnlisted = 100;
const never = /* @__PURE__ */ new AbortController().signal;
