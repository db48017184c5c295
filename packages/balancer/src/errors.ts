// Every error that this package throws on its own account; one row per code in the README.

/** Base of the package's errors. Branch on {@link code}, never on the message. */
export class BalancerError extends Error {
  override readonly name: string = "BalancerError";
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An endpoint id is already in use, or not known. */
export class EndpointError extends BalancerError {
  override readonly name = "EndpointError";
  declare readonly code: "ENDPOINT_EXISTS" | "ENDPOINT_UNKNOWN";
  readonly endpointId: string;

  constructor(code: "ENDPOINT_EXISTS" | "ENDPOINT_UNKNOWN", endpointId: string) {
    super(
      code,
      `endpoint "${endpointId}" ${code === "ENDPOINT_EXISTS" ? "was already added" : "is not known"}`,
    );
    this.endpointId = endpointId;
  }
}

/** A strategy's name is not known, or what a package exports does not keep the contract. */
export class StrategyError extends BalancerError {
  override readonly name = "StrategyError";
  declare readonly code: "STRATEGY_UNKNOWN" | "STRATEGY_INVALID" | "STRATEGY_API_MISMATCH";
  readonly strategyName: string;

  constructor(
    code: "STRATEGY_UNKNOWN" | "STRATEGY_INVALID" | "STRATEGY_API_MISMATCH",
    strategyName: string,
    detail: string,
    options?: ErrorOptions,
  ) {
    super(code, `strategy "${strategyName}": ${detail}`, options);
    this.strategyName = strategyName;
  }
}

/** No endpoint may be picked, now or as soon as one is free. */
export class NoEndpointError extends BalancerError {
  override readonly name = "NoEndpointError";
  declare readonly code: "NO_SERVERS_AVAILABLE";

  constructor(message: string) {
    super("NO_SERVERS_AVAILABLE", message);
  }
}

/** All endpoints are full, and so is the queue. */
export class QueueFullError extends BalancerError {
  override readonly name = "QueueFullError";
  declare readonly code: "QUEUE_FULL";
  /** The queue's bound. */
  readonly maxWaiting: number;

  constructor(maxWaiting: number) {
    super("QUEUE_FULL", `${maxWaiting} requests are waiting already`);
    this.maxWaiting = maxWaiting;
  }
}
