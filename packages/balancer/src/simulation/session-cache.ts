// What each server remembers of sessions: a bounded set, the least recently used one forgotten first.
import type { Scenario } from "./scenario.ts";

export interface SessionCaches {
  /** Share of the work left for a request of `session` at `server`; the server remembers it from now on. */
  workRatio(server: number, session: number): number;
}

/** Creates empty caches; without sessions in the scenario every request costs its full work. */
export function createSessionCaches({ servers, sessions }: Scenario): SessionCaches {
  if (sessions === undefined) return { workRatio: () => 1 };
  const caches = servers.map(() => new Set<number>());
  return {
    workRatio(server, session) {
      const cache = caches[server] as Set<number>;
      const hit = cache.delete(session);
      cache.add(session);
      if (cache.size > sessions.cachedPerServer)
        for (const oldest of cache) {
          cache.delete(oldest);
          break;
        }
      return hit ? 1 - sessions.savedRatio : 1;
    },
  };
}
