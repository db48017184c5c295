// opossum has no types of its own; this is the part of it that the comparison uses.
declare module "opossum" {
  interface Options {
    timeout?: number | false;
    errorThresholdPercentage?: number;
    resetTimeout?: number;
    rollingCountTimeout?: number;
    volumeThreshold?: number;
    capacity?: number;
    abortController?: AbortController;
  }
  export default class CircuitBreaker<Arguments extends unknown[], Value> {
    constructor(action: (...args: Arguments) => Promise<Value>, options?: Options);
    readonly opened: boolean;
    readonly halfOpen: boolean;
    readonly closed: boolean;
    readonly stats: {
      readonly failures: number;
      readonly successes: number;
      readonly fires: number;
      readonly rejects: number;
    };
    fire(...args: Arguments): Promise<Value>;
    open(): void;
    close(): void;
    shutdown(): void;
  }
}
