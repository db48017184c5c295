// No more requests for one model at a host than it answers at a time: what waits inside LM Studio burns its caller's time
// limit (lmstudio-bug-tracker#1666), what waits here does not.
import { type Bulkhead, type CallContext, type Clock, createBulkhead } from "@fairlead/core";

export interface Admission {
  /** Runs it when the model has a place. @throws QueueFullError when too many wait. */
  run<T>(model: string | undefined, context: CallContext, operation: () => Promise<T>): Promise<T>;
  /** Calls that wait for their model. */
  readonly waiting: number;
}

export function createAdmission(parallel: number, maxQueue: number, clock: Clock): Admission {
  const models = new Map<string, Bulkhead>();
  return {
    async run(model, context, operation) {
      if (model === undefined) return operation();
      let places = models.get(model);
      if (places === undefined) {
        places = createBulkhead({ limit: parallel, maxQueue, clock });
        models.set(model, places);
      }
      try {
        return await places.policy(context, operation);
      } finally {
        // Only models in use are kept, so that names do not add up.
        if (places.inFlight === 0 && places.queueLength === 0 && models.get(model) === places)
          models.delete(model);
      }
    },
    get waiting() {
      let sum = 0;
      for (const { queueLength } of models.values()) sum += queueLength;
      return sum;
    },
  };
}
