// The contract between the balancer and a strategy. The balancer owns health, ejection, filters, limits
// and the in-flight counts, so that a contributed strategy can neither route to a dead endpoint nor leak
// a count; the strategy only ranks what it is shown. Endpoints are integer slots into typed arrays: a
// pick allocates nothing and stays monomorphic.
import type { Clock, Random } from "@fairlead/core";

/** Version of this contract. A strategy states the one it was written for in {@link Strategy.api}. */
export const STRATEGY_API = 1;

/** What {@link Strategy.pick} returns when it wants none of the candidates. */
export const NO_PICK = -1;

/**
 * How the work of a lease ended.
 *
 * `transport-error`, `overload` and `timeout` speak against the endpoint; `success` and `app-error` (the
 * endpoint answered, the tool said no) speak for it; `client-error`, `cancelled`, `hedge-loser` and
 * `not-sent` say nothing about it.
 */
export type LeaseOutcome =
  | "success"
  | "transport-error"
  | "overload"
  | "timeout"
  | "app-error"
  | "client-error"
  | "cancelled"
  | "hedge-loser"
  | "not-sent";

/**
 * Signals that cost something to gather. The balancer gathers only what the strategy names: a clock is
 * read twice per lease for `latency`, keys are hashed for `key`, names are interned for `task-class`.
 */
export type StrategyNeed = "latency" | "key" | "task-class";

/** What an endpoint says about its own load; every field is optional, ratios are 0–1 (ORCA's meaning). */
export interface LoadReport {
  /** CPU in use, as a share of what the endpoint may use. */
  readonly cpuUtilization?: number;
  /** Memory in use, as a share of what the endpoint may use. */
  readonly memoryUtilization?: number;
  /** The endpoint's own measure of fullness; takes precedence over CPU, as in gRPC A58. */
  readonly applicationUtilization?: number;
  /** Requests per second that the endpoint completes. */
  readonly requestsPerSecond?: number;
  /** Failed requests per second. */
  readonly errorsPerSecond?: number;
  /** Requests inside the endpoint, of this gateway and of others, running or waiting. */
  readonly requestsInFlight?: number;
  /** What a request that arrives now should expect to take, in ms, by the endpoint's own estimate. */
  readonly expectedLatencyMs?: number;
}

/** Struct of arrays over all endpoints, indexed by slot. Arrays are replaced when the table grows: never keep one. */
export interface EndpointTable {
  /** Length of every array; slots are `0 … capacity-1`. */
  readonly capacity: number;
  /** Leases not yet released. */
  readonly inFlight: Int32Array;
  /** Concurrency limit; 0 means none. */
  readonly maxConcurrency: Int32Array;
  /** Static weight times the slow-start factor; always > 0. */
  readonly weight: Float64Array;
  /** The id that the endpoint was added with. */
  id(slot: number): string;
  /** Capabilities that the endpoint was added with. */
  capabilities(slot: number): ReadonlySet<string>;
  /** The newest load report, or `undefined` when there is none. */
  load(slot: number): LoadReport | undefined;
  /** When the newest load report arrived, in ms of the injected clock; `-Infinity` when there is none. */
  loadReportedAtMs(slot: number): number;
}

/** The endpoints that may be picked now: healthy, not ejected, not full, capable, not excluded. */
export interface Candidates {
  /** How many of {@link slots} count. At least 1 whenever `pick` is called. */
  readonly count: number;
  /** Slots in ascending order; only the first {@link count} entries are meaningful. */
  readonly slots: Int32Array;
  /** `true` when this list was narrowed for this one request, so it differs from what `onEndpoint` told. */
  readonly filtered: boolean;
  /** Data per slot. */
  readonly table: EndpointTable;
}

/** The request to place. Reused between picks: never keep it. */
export interface PickRequest {
  /** 32-bit hash of the request's key; 0 without a key or when the strategy does not need `key`. */
  readonly keyHash: number;
  /** Expected work relative to an average request; 1 when unknown. */
  readonly cost: number;
  /** Small integer for the kind of work (a tool, a model); 0 when unknown or not needed. */
  readonly taskClass: number;
  /** How many endpoints were tried before for the same call. */
  readonly attempt: number;
  /** What the request requires; all candidates have it. */
  readonly capabilities: readonly string[];
  /** What the request would like an endpoint to have; candidates need not. */
  readonly prefers: readonly string[];
}

/** One lease, as the feedback hooks see it. The same object is passed to `onStart` and `onEnd`. */
export interface Dispatch {
  /** The endpoint's slot. */
  readonly slot: number;
  /** Leases of that endpoint when this one was handed out, this one included. */
  readonly inFlightAtStart: number;
  /** {@link PickRequest.cost} of the request. */
  readonly cost: number;
  /** {@link PickRequest.keyHash} of the request. */
  readonly keyHash: number;
  /** {@link PickRequest.taskClass} of the request. */
  readonly taskClass: number;
}

/**
 * What happened to an endpoint, as far as a strategy's own bookkeeping is concerned.
 *
 * - `reset`: the slot now stands for another endpoint; forget what was learned about it.
 * - `eligible` / `ineligible`: it joined or left the candidates of requests without filters.
 * - `weight`: its entry in {@link EndpointTable.weight} changed.
 * - `removed`: it is gone, or in another priority level now.
 */
export type EndpointChange = "reset" | "eligible" | "ineligible" | "weight" | "removed";

/** What a strategy may use from outside. Same code in tests, simulation and production. */
export interface StrategyHost {
  /** Monotonic clock; virtual in tests. A read costs about as much as a whole pick. */
  readonly clock: Clock;
  /** Seeded per balancer: same seed and same requests give the same picks. */
  readonly random: Random;
  /** Data per slot. */
  readonly table: EndpointTable;
  /** Creates another strategy on the same table, for strategies that are composed of others. */
  child(factory: StrategyFactory<never>, options?: unknown): Strategy;
}

/** Chooses one endpoint out of those that may be picked. No I/O, no promises and no logging in any method. */
export interface Strategy {
  /** Name in configuration, events and snapshots, e.g. `least-connections`. */
  readonly name: string;
  /** The contract version it was written for: {@link STRATEGY_API}. */
  readonly api: number;
  /** Signals it needs beyond in-flight counts, weights and outcomes. */
  readonly needs?: readonly StrategyNeed[];
  /** Returns the slot of one candidate, or {@link NO_PICK}. Synchronous, and allocates nothing. */
  pick(candidates: Candidates, request: PickRequest): number;
  /** A lease was handed out; the table's `inFlight` already counts it. */
  onStart?(dispatch: Dispatch): void;
  /**
   * A lease came back, exactly once; the table's `inFlight` no longer counts it.
   * `latencyMs` is `NaN` when nobody measured it.
   */
  onEnd?(dispatch: Dispatch, outcome: LeaseOutcome, latencyMs: number): void;
  /** A load report arrived; the table already has it. */
  onLoadReport?(slot: number, report: LoadReport): void;
  /** An endpoint changed; called for every endpoint before the first pick. */
  onEndpoint?(slot: number, change: EndpointChange): void;
  /** Reports the score of candidates, lower is better, without changing any state. */
  explain?(candidates: Candidates, request: PickRequest, score: (slot: number, value: number) => void): void;
  /** State for people to look at; JSON-serialisable. */
  snapshot?(): unknown;
}

/**
 * Makes a strategy. Validates `options` (unknown at run time, as they come from configuration) and throws a
 * {@link RangeError} that names the option and its value.
 */
export type StrategyFactory<Options = unknown> = (
  options: Options | undefined,
  host: StrategyHost,
) => Strategy;
