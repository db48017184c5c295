// The struct of arrays behind EndpointTable, and the owner's side of each slot. A slot is handed to another
// endpoint only after the last lease on it came back, so a late release never counts against a newcomer.
import type { EndpointTable, LoadReport } from "./contract.ts";
import type { EndpointHealth, EndpointOptions } from "./endpoint.ts";
import type { Level } from "./level.ts";
import type { OutlierState } from "./outlier-ejection.ts";

/** The owner's side of one endpoint. */
export interface EndpointRecord {
  readonly slot: number;
  readonly id: string;
  staticWeight: number;
  priority: number;
  tags: ReadonlySet<string>;
  capabilities: ReadonlySet<string>;
  admit: (() => boolean) | undefined;
  health: EndpointHealth;
  healthReason: string | undefined;
  removed: boolean;
  picked: number;
  succeeded: number;
  failed: number;
  neutral: number;
  refused: number;
  load: LoadReport | undefined;
  loadReportedAtMs: number;
  /** The level it is in. */
  level: Level;
  /** Passive health; `undefined` when outlier ejection is off. */
  outlier: OutlierState | undefined;
  /** Counted in `level.serving`. */
  serving: boolean;
  /** When slow start began; `NaN` when it is not in slow start. */
  slowStartedAtMs: number;
}

export interface Table extends EndpointTable {
  readonly records: readonly (EndpointRecord | undefined)[];
  insert(options: EndpointOptions, level: Level, outlier: OutlierState | undefined): EndpointRecord;
  /** Makes the slot of a removed endpoint available again. */
  free(slot: number): void;
  record(slot: number): EndpointRecord;
}

/** Creates an empty table. */
export function createTable(): Table {
  const records: (EndpointRecord | undefined)[] = [];
  const freeSlots: number[] = [];
  const table = {
    capacity: 8,
    inFlight: new Int32Array(8),
    maxConcurrency: new Int32Array(8),
    weight: new Float64Array(8).fill(1),
    records,
    id: (slot: number): string => record(slot).id,
    capabilities: (slot: number): ReadonlySet<string> => record(slot).capabilities,
    load: (slot: number): LoadReport | undefined => record(slot).load,
    loadReportedAtMs: (slot: number): number => record(slot).loadReportedAtMs,
    insert,
    free,
    record,
  };
  return table;

  function insert(options: EndpointOptions, level: Level, outlier: OutlierState | undefined): EndpointRecord {
    const slot = freeSlots.pop() ?? records.length;
    if (slot >= table.capacity) grow();
    const created: EndpointRecord = {
      slot,
      id: options.id,
      staticWeight: options.weight ?? 1,
      priority: options.priority ?? 0,
      tags: new Set(options.tags),
      capabilities: new Set(options.capabilities),
      admit: options.admit,
      health: "healthy",
      healthReason: undefined,
      removed: false,
      picked: 0,
      succeeded: 0,
      failed: 0,
      neutral: 0,
      refused: 0,
      load: undefined,
      loadReportedAtMs: Number.NEGATIVE_INFINITY,
      level,
      outlier,
      serving: false,
      slowStartedAtMs: Number.NaN,
    };
    records[slot] = created;
    table.inFlight[slot] = 0;
    table.maxConcurrency[slot] = options.maxConcurrency ?? 0;
    table.weight[slot] = created.staticWeight;
    return created;
  }

  function free(slot: number): void {
    records[slot] = undefined;
    freeSlots.push(slot);
  }

  function record(slot: number): EndpointRecord {
    const found = records[slot];
    if (found === undefined) throw new RangeError(`slot must belong to an endpoint, got ${slot}`);
    return found;
  }

  function grow(): void {
    table.capacity *= 2;
    table.inFlight = extend(table.inFlight, new Int32Array(table.capacity));
    table.maxConcurrency = extend(table.maxConcurrency, new Int32Array(table.capacity));
    table.weight = extend(table.weight, new Float64Array(table.capacity).fill(1));
  }
}

function extend<A extends Int32Array | Float64Array>(from: A, to: A): A {
  to.set(from);
  return to;
}
