// What has to be done so that a pool has the upstreams of another configuration, touching nothing that stays the same.
import { isDeepStrictEqual } from "node:util";
import type { UpstreamConfig } from "../config.ts";

/** An upstream that a pool has. */
export interface KnownUpstream {
  readonly id: string;
  readonly config: UpstreamConfig;
}

export interface UpdatePlan {
  readonly add: readonly KnownUpstream[];
  readonly remove: readonly string[];
  /** The same id, reached or treated otherwise. */
  readonly change: readonly KnownUpstream[];
}

/**
 * Upstreams are the same when their ids are. Those without an `id` keep theirs if another one with the same way to reach it
 * is there; else they take the place of one that is no longer named, or a free id.
 */
export function planUpdate(
  namespace: string,
  known: readonly KnownUpstream[],
  wanted: readonly UpstreamConfig[],
  isTaken: (id: string) => boolean,
): UpdatePlan {
  const left = new Map(known.map((upstream) => [upstream.id, upstream]));
  const matched: { readonly config: UpstreamConfig; readonly known: KnownUpstream }[] = [];
  const match = (config: UpstreamConfig, found: KnownUpstream): void => {
    left.delete(found.id);
    matched.push({ config, known: found });
  };
  const add: KnownUpstream[] = [];
  for (const config of wanted) {
    if (config.id === undefined) continue;
    const found = left.get(config.id);
    if (found === undefined) add.push({ id: config.id, config });
    else match(config, found);
  }
  const anonymous = wanted.filter(({ id }) => id === undefined);
  const unmatched = anonymous.filter((config) => {
    const twin = [...left.values()].find((upstream) => isSameConnection(upstream.config, config));
    if (twin !== undefined) match(config, twin);
    return twin === undefined;
  });
  for (const config of unmatched) {
    const [heir] = [...left.values()].filter((upstream) => upstream.config.id === undefined);
    if (heir !== undefined) match(config, heir);
    else add.push({ id: freeId(namespace, (id) => isTaken(id) || add.some((one) => one.id === id)), config });
  }
  return {
    add,
    remove: [...left.keys()],
    change: matched
      .filter(({ config, known: { config: before } }) => !isDeepStrictEqual(config, before))
      .map(({ config, known: { id } }) => ({ id, config })),
  };
}

/** Whether a process or connection of the one configuration does for the other. */
export function isSameConnection(a: UpstreamConfig, b: UpstreamConfig): boolean {
  return isDeepStrictEqual(connectionOf(a), connectionOf(b));
}

/** The lowest `<namespace>-<n>` that nobody has. */
export function freeId(namespace: string, isTaken: (id: string) => boolean): string {
  for (let at = 1; ; at++) {
    const id = `${namespace}-${at}`;
    if (!isTaken(id)) return id;
  }
}

/** What may change without a new process or connection. */
const AROUND_IT: ReadonlySet<string> = new Set<keyof UpstreamConfig>([
  "id",
  "weight",
  "priority",
  "maxConcurrency",
  "requestsPerMinute",
  "tags",
  "zone",
  "capabilities",
  "enabled",
  "replicas",
]);

function connectionOf(upstream: UpstreamConfig): unknown {
  const fields = Object.entries(upstream);
  return Object.fromEntries(fields.filter(([key, value]) => value !== undefined && !AROUND_IT.has(key)));
}
