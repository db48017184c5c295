// What pools tell the rest of the multiplexer: to the catalog, to clients, to the failover history, and as events.
import type { Clock } from "@fairlead/core";
import type { FailoverHistory } from "./analytics/failover-history.ts";
import type { Catalog } from "./catalog/catalog.ts";
import type { Notifier } from "./client/notifier.ts";
import { balancerEvent, type MultiplexerEvent } from "./events.ts";
import { stateOf } from "./pool/member.ts";
import type { PoolListener } from "./pool/pool.ts";

export interface PoolListenerOptions {
  readonly catalog: () => Catalog;
  readonly notifier: Notifier;
  readonly history: FailoverHistory;
  readonly clock: Clock;
  readonly onEvent: (event: MultiplexerEvent) => void;
}

export function createPoolListener(options: PoolListenerOptions): PoolListener {
  const { notifier, history, clock, onEvent } = options;
  return {
    onCatalogChange(pool, kinds) {
      const catalog = options.catalog();
      const known = new Set(catalog.collisions.map(({ name }) => name));
      catalog.rebuild(kinds);
      for (const collision of catalog.collisions) {
        if (!known.has(collision.name)) onEvent({ type: "name-collision", collision });
      }
      onEvent({ type: "catalog-changed", pool: pool.namespace, kinds });
      notifier.listChanged(pool, kinds);
    },
    onMemberState(pool, member) {
      const { status, reason, nextTryAtMs } = stateOf(member);
      const retryInMs = nextTryAtMs === null ? null : nextTryAtMs - clock.now();
      onEvent({
        type: "upstream-state",
        pool: pool.namespace,
        upstream: member.id,
        status,
        reason,
        retryInMs,
      });
    },
    onServerNotification: (pool, _member, message, envelope) =>
      notifier.serverNotification(pool, message, envelope),
    onStderr: (pool, { id }, text) => onEvent({ type: "stderr", pool: pool.namespace, upstream: id, text }),
    onProblem: (pool, { id }, message) =>
      onEvent({ type: "problem", pool: pool.namespace, upstream: id, message }),
    onScaled: ({ namespace }, upstream, from, to, reason) =>
      onEvent({ type: "upstream-scaled", pool: namespace, upstream, from, to, reason }),
    onFailover({ namespace }, from, to, reason) {
      if (history.moved(namespace, from, to, reason))
        onEvent({ type: "calls-moved", pool: namespace, upstream: from, to, reason });
    },
    onBalancerEvent(namespace, event) {
      const told = balancerEvent(namespace, event);
      if (told !== undefined) onEvent(told);
    },
  };
}
