// Tasks stay with the server that made them: who asks for one is brought to the same upstream, and to the same session there.
// Ids pass as they are, so the way back is kept here.
import type { Route } from "../catalog/catalog.ts";
import type { PoolEntry } from "../catalog/pool-catalog.ts";
import type { Era } from "../era.ts";
import type { PoolMember } from "../pool/member.ts";
import type { Pool } from "../pool/pool.ts";
import { type Envelope, textOf } from "../wire/envelope.ts";
import { membersOf } from "../wire/members.ts";
import type { Splice } from "../wire/splice.ts";
import { takeAway } from "../wire/take-away.ts";
import type { Exchange } from "./client.ts";

export interface Tasks {
  /** Keeps where a task is; false when another upstream has made one with this id, which then must not be told. */
  keep(exchange: Exchange, taskId: string, pool: Pool, upstream: string): boolean;
  /** Where the task is; undefined when it is not one of this client's. */
  find(exchange: Exchange, taskId: string): Route | undefined;
}

interface Place {
  readonly pool: Pool;
  readonly upstream: string;
  /** Key of the session that it belongs to. Without sessions the id, which cannot be guessed, is all there is. */
  readonly owner: string;
}

/** Tasks that are remembered; beyond them the one that was asked for longest ago is forgotten. */
const MAX_TASKS = 10_000;
const NO_SPAN = { start: -1, end: -1 };

export function createTasks(): Tasks {
  /** In the order of last use. */
  const places = new Map<string, Place>();

  return {
    keep({ client }, taskId, pool, upstream) {
      const known = places.get(taskId);
      const owner = client.key;
      if (known !== undefined && (known.upstream !== upstream || known.owner !== owner)) return false;
      use(taskId, { pool, upstream, owner });
      for (const oldest of places.keys()) {
        if (places.size <= MAX_TASKS) break;
        places.delete(oldest);
      }
      return true;
    },
    find({ client, scope }, taskId) {
      const place = places.get(taskId);
      if (place === undefined || place.owner !== client.key || !scope.pools.includes(place.pool))
        return undefined;
      use(taskId, place);
      return { pool: place.pool, original: taskId, entry: entryAt(place.upstream) };
    },
  };

  function use(taskId: string, place: Place): void {
    places.delete(taskId);
    places.set(taskId, place);
  }
}

/** The id of the task that an answer says was made; undefined when it is an answer like others. */
export function taskMadeBy(
  { era, envelope }: Exchange,
  answer: Buffer,
  answered: Envelope,
): string | undefined {
  if (era === "modern") {
    if (textOf(answer, answered.resultType) !== "task") return undefined;
    return textOf(answer, membersOf(answer, answered.result).get("taskId") ?? NO_SPAN);
  }
  if (!envelope.isTask) return undefined;
  const task = membersOf(answer, answered.result).get("task");
  return task === undefined ? undefined : textOf(answer, membersOf(answer, task).get("taskId") ?? NO_SPAN);
}

/**
 * Between the eras there are no tasks: the wish for one (2025-11-25, `params.task`) is left out, and the call is answered
 * plainly, as that revision has it of servers that declared none.
 */
export function takeTaskAway(splices: Splice[], { message, envelope }: Exchange): void {
  if (envelope.isTask) takeAway(splices, message, envelope.params, TASK);
}

const TASK: readonly string[] = ["task"];

/** In a pool of both eras, a call that wishes for a task of 2025-11-25 goes to a server that makes one. */
export function routeOfTask({ era, envelope }: Exchange, route: Route): Route {
  if (era !== "legacy" || !envelope.isTask) return route;
  const { entry, pool } = route;
  const able = taskServers([pool], era)
    .map(({ replica }) => replica.id)
    .filter((id) => entry.only?.has(id) ?? true);
  return able.length === 0 ? route : { ...route, entry: { ...entry, only: new Set(able) } };
}

/** What is said about tasks to clients of an era, where some server of the pools has them: what can be routed. */
export function taskCapabilities(pools: readonly Pool[], era: Era): Record<string, unknown> {
  if (taskServers(pools, era).length === 0) return {};
  return era === "modern"
    ? { extensions: { [TASKS_EXTENSION]: {} } }
    : { tasks: { cancel: {}, requests: { tools: { call: {} } } } };
}

function taskServers(pools: readonly Pool[], era: Era): readonly PoolMember[] {
  return pools
    .flatMap(({ members }) => members)
    .filter(({ replica: { state } }) => state.info?.era === era && servesTasks(state.info.capabilities, era));
}

const TASKS_EXTENSION = "io.modelcontextprotocol/tasks";

function servesTasks(capabilities: Readonly<Record<string, unknown>>, era: Era): boolean {
  const { extensions, tasks } = capabilities as {
    readonly extensions?: Readonly<Record<string, unknown>>;
    readonly tasks?: { readonly requests?: { readonly tools?: { readonly call?: unknown } } };
  };
  return era === "modern"
    ? extensions?.[TASKS_EXTENSION] !== undefined
    : tasks?.requests?.tools?.call !== undefined;
}

function entryAt(upstream: string): PoolEntry {
  return {
    key: "tasks",
    bytes: Buffer.alloc(0),
    nameSpan: NO_SPAN,
    repeatable: false,
    readOnly: false,
    headerParams: undefined,
    only: new Set([upstream]),
  };
}
