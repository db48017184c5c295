// Counters and histograms that calls are counted in: an array element goes up by one, and Prometheus' words are made when
// somebody asks. (prom-client's own make and hash a text of the labels at every step, 3 to 5 µs for each call.)
import type { Metric, Registry } from "prom-client";

interface TallyOptions {
  readonly name: string;
  readonly help: string;
  /** At most two. */
  readonly labels: readonly string[];
  readonly registry: Registry;
}

/** What a registry asks of its metrics. */
interface Reading {
  readonly help: string;
  readonly name: string;
  readonly type: string;
  readonly values: readonly {
    readonly labels: Readonly<Record<string, number | string>>;
    readonly metricName?: string;
    readonly value: number;
  }[];
  readonly aggregator: string;
}

/** One series; keep it where it is counted often. */
export interface Tally {
  /** @param by 0 or more */
  add(by: number): void;
}

/** One series of a histogram. */
interface Distribution {
  /** @param value in the unit of the buckets */
  record(value: number): void;
}

/** Finds a series by the values of its labels. */
export type Counter = (...values: readonly string[]) => Tally;
export type Histogram = (...values: readonly string[]) => Distribution;

/** A counter of which each combination of labels is a series. Its names and values must be bounded by the caller. */
export function createCounter(options: TallyOptions): Counter {
  const { series, of } = createSeries(options.labels, () => new Count());
  register(options, "counter", () => [...series].map(({ labels, cell }) => ({ labels, value: cell.total })));
  return of;
}

/** @param buckets upper bounds, ascending */
export function createHistogram(options: TallyOptions & { readonly buckets: readonly number[] }): Histogram {
  const { name, buckets } = options;
  const { series, of } = createSeries(options.labels, () => new Buckets(buckets));
  register(options, "histogram", () =>
    [...series].flatMap(({ labels, cell }) => {
      let below = 0;
      return [
        ...buckets.map((le, at) => {
          below += cell.counts[at] ?? 0;
          return { labels: { le, ...labels }, metricName: `${name}_bucket`, value: below };
        }),
        { labels: { le: "+Inf", ...labels }, metricName: `${name}_bucket`, value: cell.count },
        { labels, metricName: `${name}_sum`, value: cell.sum },
        { labels, metricName: `${name}_count`, value: cell.count },
      ];
    }),
  );
  return of;
}

class Count implements Tally {
  total = 0;

  add(by: number): void {
    this.total += by;
  }
}

class Buckets implements Distribution {
  readonly #bounds: readonly number[];
  readonly counts: number[];
  sum = 0;
  count = 0;

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = bounds.map(() => 0);
  }

  record(value: number): void {
    const bounds = this.#bounds;
    let at = 0;
    while (at < bounds.length && value > (bounds[at] as number)) at++;
    if (at < bounds.length) this.counts[at] = (this.counts[at] as number) + 1;
    this.sum += value;
    this.count++;
  }
}

interface Series<Cell> {
  readonly labels: Readonly<Record<string, string>>;
  readonly cell: Cell;
}

/** Two labels at most, so a table of tables finds a series without a text made of both. */
function createSeries<Cell>(
  names: readonly string[],
  make: () => Cell,
): { readonly series: Set<Series<Cell>>; readonly of: (...values: readonly string[]) => Cell } {
  const series = new Set<Series<Cell>>();
  const table = new Map<string, Map<string, Cell>>();
  return {
    series,
    of(first = "", second = "") {
      let row = table.get(first);
      if (row === undefined) {
        row = new Map();
        table.set(first, row);
      }
      let cell = row.get(second);
      if (cell === undefined) {
        cell = make();
        row.set(second, cell);
        const values = [first, second];
        series.add({
          labels: Object.fromEntries(names.map((name, at) => [name, values[at] ?? ""])),
          cell,
        });
      }
      return cell;
    },
  };
}

function register(
  { name, help, registry }: TallyOptions,
  type: "counter" | "histogram",
  values: () => Reading["values"],
): void {
  const metric = {
    name,
    get: (): Promise<Reading> => Promise.resolve({ help, name, type, values: values(), aggregator: "sum" }),
  };
  // A registry asks a metric for its name and its reading, and for nothing else.
  registry.registerMetric(metric as unknown as Metric);
}
