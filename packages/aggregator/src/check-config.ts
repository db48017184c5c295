// What makes a configuration impossible: names that clash or that clients would not take.
import { isNamespace } from "./catalog/names.ts";
import type { MultiplexerConfig, PoolConfig, UpstreamConfig } from "./config.ts";
import { AggregatorError } from "./errors.ts";

/** @throws {@link AggregatorError} `INVALID_CONFIG` */
export function checkConfig({ pools }: MultiplexerConfig, separator: string): void {
  if (!/^[A-Za-z0-9_-]{1,8}$/.test(separator))
    fail(`separator must be 1 to 8 characters of [A-Za-z0-9_-], got "${separator}"`);
  const namespaces = new Set<string>();
  const ids = new Set<string>();
  for (const pool of pools) {
    const { namespace, upstreams } = pool;
    checkPool(pool, separator);
    if (namespaces.has(namespace)) fail(`namespace "${namespace}" is given twice`);
    namespaces.add(namespace);
    for (const [at, { id = `${namespace}-${at + 1}` }] of upstreams.entries()) checkId(id, ids);
  }
}

/** Checks one pool by itself. @throws {@link AggregatorError} `INVALID_CONFIG` */
export function checkPool({ namespace, upstreams }: PoolConfig, separator: string): void {
  if (!isNamespace(namespace))
    fail(`namespace must be 1 to 32 characters of [A-Za-z0-9_-], got "${namespace}"`);
  if (namespace.includes(separator)) fail(`namespace "${namespace}" contains the separator "${separator}"`);
  if (upstreams.length === 0) fail(`pool "${namespace}" has no upstreams`);
}

/** Checks the ids that upstreams give themselves against those that others have. */
export function checkIds(upstreams: readonly UpstreamConfig[], isTaken: (id: string) => boolean): void {
  const ids = new Set<string>();
  for (const { id } of upstreams) {
    if (id === undefined) continue;
    if (isTaken(id)) fail(`upstream id "${id}" is taken by another upstream`);
    checkId(id, ids);
  }
}

/** Checks the ids that upstreams get by their position. */
export function checkDefaultIds(
  { namespace, upstreams }: PoolConfig,
  isTaken: (id: string) => boolean,
): void {
  checkIds(
    upstreams.map((upstream, at) => ({ ...upstream, id: upstream.id ?? `${namespace}-${at + 1}` })),
    isTaken,
  );
}

function checkId(id: string, ids: Set<string>): void {
  if (ids.has(id)) fail(`upstream id "${id}" is given twice`);
  ids.add(id);
}

function fail(message: string): never {
  throw new AggregatorError("INVALID_CONFIG", message);
}
