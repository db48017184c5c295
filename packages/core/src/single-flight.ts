// Callers that want the same thing at the same time share one operation (as Go's x/sync/singleflight).
import type { CallContext, Operation, Policy } from "./call-context.ts";
import { linkContext } from "./linked-context.ts";
import { RootContext } from "./root-context.ts";

/** See {@link createSingleFlight}. */
export interface SingleFlightOptions {
  /** What makes calls the same; `undefined` shares nothing. @defaultValue the context's key */
  readonly keyOf?: (context: CallContext) => string | undefined;
}

/** Lets callers of the same thing share one operation. */
export interface SingleFlight {
  /** Operations that run now. */
  readonly size: number;
  readonly policy: Policy;
}

/**
 * The shared operation runs without any one caller's deadline and signal: each caller leaves on its own, and the operation is
 * aborted when the last one has left. Nothing is kept once it has ended; all callers get the same value, not copies.
 */
export function createSingleFlight({ keyOf = ({ key }) => key }: SingleFlightOptions = {}): SingleFlight {
  const flights = new Map<string, Flight>();
  return {
    get size() {
      return flights.size;
    },
    policy: async <T>(context: CallContext, next: Operation<T>): Promise<T> => {
      const key = keyOf(context);
      if (key === undefined) return next(context);
      context.signal.throwIfAborted();
      const flight = flights.get(key) ?? takeOff(key, context, next);
      return join(flight, key, context.signal) as Promise<T>;
    },
  };

  function takeOff(key: string, context: CallContext, next: Operation<unknown>): Flight {
    const { priority, request } = context;
    const shared = linkContext(new RootContext({ key: context.key, priority, request }));
    const result = Promise.resolve()
      .then(() => next(shared))
      .finally(() => {
        if (flights.get(key) === flight) flights.delete(key);
      });
    const flight: Flight = { passengers: 0, result, abort: (reason) => shared.abort(reason) };
    flights.set(key, flight);
    return flight;
  }

  function join(flight: Flight, key: string, signal: AbortSignal): Promise<unknown> {
    flight.passengers += 1;
    return new Promise((resolve, reject) => {
      const leave = (): void => {
        reject(signal.reason);
        flight.passengers -= 1;
        if (flight.passengers > 0) return;
        if (flights.get(key) === flight) flights.delete(key);
        flight.abort(signal.reason);
      };
      signal.addEventListener("abort", leave);
      void flight.result.then(resolve, reject).finally(() => signal.removeEventListener("abort", leave));
    });
  }
}

interface Flight {
  passengers: number;
  readonly result: Promise<unknown>;
  abort(reason: unknown): void;
}
