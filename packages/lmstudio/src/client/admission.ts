// No more requests for one model at a host than it answers at a time: what waits inside LM Studio burns its caller's time
// limit (lmstudio-bug-tracker#1666), what waits here does not.
import { type Bulkhead, type CallContext, type Clock, createBulkhead } from "@fairlead/core";

export interface Admission {
  /** Runs it when the model has a place. @throws QueueFullError when too many wait. */
  run<T>(model: string | undefined, context: CallContext, operation: () => Promise<T>): Promise<T>;
  /** Calls that wait for their model. */
  readonly waiting: number;
}

export interface AdmissionOptions {
  /** Answers at a time of a model; `undefined` for no limit. */
  readonly parallelOf: (model: string) => number | undefined;
  readonly maxQueue: number;
  readonly clock: Clock;
  /** After such an error the host goes on for a while though nobody waits. */
  readonly isTimeout: (error: unknown) => boolean;
  /** For so long, in milliseconds, the place stays taken then. */
  readonly cooldownMs: number;
  /** Ends such waits. */
  readonly closed: AbortSignal;
}

export function createAdmission(options: AdmissionOptions): Admission {
  const { parallelOf, maxQueue, clock, isTimeout, cooldownMs, closed } = options;
  const models = new Map<string, Bulkhead>();
  return {
    async run(model, context, operation) {
      const limit = model === undefined ? undefined : parallelOf(model);
      if (model === undefined || limit === undefined) return operation();
      let places = models.get(model);
      if (places === undefined) {
        places = createBulkhead({ limit, maxQueue, clock });
        models.set(model, places);
      }
      const taken = places;
      const release = (permit: { release(): void } | undefined): void => {
        permit?.release();
        // Only models in use are kept, so that names do not add up.
        if (taken.inFlight === 0 && taken.queueLength === 0 && models.get(model) === taken)
          models.delete(model);
      };
      const permit = await taken.acquire(context).catch((error: unknown) => {
        release(undefined);
        throw error;
      });
      try {
        const value = await operation();
        release(permit);
        return value;
      } catch (error) {
        // A prompt is read to its end even when its caller has left (#570): the place is not free yet.
        if (isTimeout(error) && cooldownMs > 0)
          void clock.sleep(cooldownMs, closed).then(
            () => release(permit),
            () => release(permit),
          );
        else release(permit);
        throw error;
      }
    },
    get waiting() {
      let sum = 0;
      for (const { queueLength } of models.values()) sum += queueLength;
      return sum;
    },
  };
}
