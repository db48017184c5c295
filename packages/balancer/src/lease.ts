// What acquire hands out. One allocation per lease: a class, since closures would cost one more each.
import type { Dispatch, LeaseOutcome } from "./contract.ts";

/** Permission to use one endpoint once. Give it back with {@link Lease.release}, whatever happens. */
export interface Lease {
  /** The id of the endpoint to use. */
  readonly endpointId: string;
  /** The endpoint's slot, as strategies see it. */
  readonly slot: number;
  /**
   * Gives the endpoint back. Only the first call counts; later ones are counted as a fault of the caller.
   *
   * @param outcome - how the work ended
   * @param latencyMs - how long it took; measured since `acquire` when left out and the strategy needs it
   */
  release(outcome: LeaseOutcome, latencyMs?: number): void;
}

/** The balancer's side of a lease. */
export interface LeaseOwner {
  settle(lease: LeaseRecord, outcome: LeaseOutcome, latencyMs: number | undefined): void;
  releasedTwice(lease: LeaseRecord): void;
}

export class LeaseRecord implements Lease, Dispatch {
  readonly endpointId: string;
  readonly slot: number;
  readonly inFlightAtStart: number;
  readonly cost: number;
  readonly keyHash: number;
  readonly taskClass: number;
  /** `NaN` when nobody needs the latency. */
  readonly startedAtMs: number;
  private readonly owner: LeaseOwner;
  private released: boolean;
  /** Neighbours in the list of {@link LeaseAges}. */
  older: LeaseRecord | undefined;
  newer: LeaseRecord | undefined;

  constructor(
    owner: LeaseOwner,
    endpointId: string,
    slot: number,
    inFlightAtStart: number,
    request: { readonly cost: number; readonly keyHash: number; readonly taskClass: number },
    startedAtMs: number,
  ) {
    this.owner = owner;
    this.endpointId = endpointId;
    this.slot = slot;
    this.inFlightAtStart = inFlightAtStart;
    this.cost = request.cost;
    this.keyHash = request.keyHash;
    this.taskClass = request.taskClass;
    this.startedAtMs = startedAtMs;
    this.released = false;
    this.older = undefined;
    this.newer = undefined;
  }

  release(outcome: LeaseOutcome, latencyMs?: number): void {
    if (this.released) {
      this.owner.releasedTwice(this);
      return;
    }
    this.released = true;
    this.owner.settle(this, outcome, latencyMs);
  }
}
