// What clients see: the merged lists of all pools under public names, with the way back to (pool, original name); and
// for each pool alone, under the original names.
import type { Pool } from "../pool/pool.ts";
import { splice } from "../wire/splice.ts";
import { type CacheHint, LIST_KINDS, type ListKind, NO_CACHE, stricterHint } from "./lists.ts";
import { publicName } from "./names.ts";
import type { PoolEntry } from "./pool-catalog.ts";
import { compileUriTemplate, type UriTemplate } from "./uri-template.ts";
import { createView, type View, type ViewConfig } from "./view.ts";

/** Where a public name or URI leads. */
export interface Route {
  readonly pool: Pool;
  /** The name or URI as the upstream knows it. */
  readonly original: string;
  readonly entry: PoolEntry;
}

/** One thing as clients see it in a list. */
export interface PublicEntry {
  readonly key: string;
  readonly bytes: Buffer;
}

/** Two things that want the same public name; the second is not offered. */
export interface Collision {
  readonly kind: ListKind;
  readonly name: string;
  readonly first: { readonly pool: string; readonly name: string };
  readonly second: { readonly pool: string; readonly name: string };
}

/** One view: everything, or one pool. */
export interface Scope {
  readonly pools: readonly Pool[];
  list(kind: ListKind): readonly PublicEntry[];
  /** How long the merged list may be kept: what holds for all pools. */
  hintOf(kind: ListKind): CacheHint;
  /** Finds a tool or prompt by its public name. */
  named(kind: "tools" | "prompts", name: string): Route | undefined;
  /** Finds who serves a URI: by the listed resources, then by the templates. */
  resource(uri: string): Route | undefined;
  template(uriTemplate: string): Route | undefined;
}

/** A tool as its server defines it. */
export interface OfferedTool {
  readonly pool: string;
  /** Its original name. */
  readonly name: string;
  /** The bytes of its definition. */
  readonly definition: Buffer;
}

export interface CatalogOptions {
  /** By name; each is at a path of its own. */
  readonly views?: Readonly<Record<string, ViewConfig>> | undefined;
  /** Whether a tool is offered to anybody. @defaultValue every one is */
  readonly offers?: ((tool: OfferedTool) => boolean) | undefined;
}

export interface Catalog {
  readonly all: Scope;
  ofPool(namespace: string): Scope | undefined;
  view(name: string): Scope | undefined;
  /**
   * What is at a path below the base path (empty: at the base path itself) for somebody with a view of their own: that view,
   * and nothing else; for everybody else everything, a pool, or a view.
   */
  at(name: string, ownView: string | undefined): Scope | undefined;
  /** Replaces the views; those that stay are changed in place. */
  configureViews(views: Readonly<Record<string, ViewConfig>>): void;
  readonly collisions: readonly Collision[];
  /** Offers a further pool. */
  add(pool: Pool): void;
  /** Offers a pool no longer; its own scope is unknown from here on. */
  remove(pool: Pool): void;
  /** Builds the lists of `kinds` anew after a pool's catalog changed. */
  rebuild(kinds?: readonly ListKind[]): void;
}

export function createCatalog(
  initial: readonly Pool[],
  separator: string,
  { views: initialViews = {}, offers }: CatalogOptions = {},
): Catalog {
  const pools = [...initial];
  const collisions = new Map<ListKind, Collision[]>();
  const all = createScope(
    pools,
    (pool, name) => publicName(pool.namespace, separator, name),
    (kind, found) => collisions.set(kind, found),
    offers,
  );
  const single = new Map(pools.map((pool) => [pool.namespace, scopeOf(pool, offers)]));
  const views = new Map<string, View>();
  configureViews(initialViews);

  return {
    all,
    ofPool: (namespace) => single.get(namespace),
    view: (name) => views.get(name),
    at(name, ownView) {
      if (ownView !== undefined) return name === "" || name === ownView ? views.get(ownView) : undefined;
      return name === "" ? all : (single.get(name) ?? views.get(name));
    },
    configureViews(next) {
      configureViews(next);
      rebuild();
    },
    get collisions() {
      return [...collisions.values()].flat();
    },
    add(pool) {
      pools.push(pool);
      single.set(pool.namespace, scopeOf(pool, offers));
      rebuild();
    },
    remove(pool) {
      const at = pools.indexOf(pool);
      if (at === -1) return;
      pools.splice(at, 1);
      single.delete(pool.namespace);
      rebuild();
    },
    rebuild,
  };

  function rebuild(kinds: readonly ListKind[] = LIST_KINDS): void {
    for (const kind of kinds) {
      all.rebuild(kind);
      for (const scope of single.values()) scope.rebuild(kind);
    }
    for (const view of views.values()) view.rebuild();
  }

  function configureViews(next: Readonly<Record<string, ViewConfig>>): void {
    for (const name of views.keys()) if (!Object.hasOwn(next, name)) views.delete(name);
    for (const [name, config] of Object.entries(next)) {
      const known = views.get(name);
      if (known === undefined) views.set(name, createView(all, config));
      else known.configure(config);
    }
  }
}

/** A pool alone, under its own names. */
function scopeOf(pool: Pool, offers: CatalogOptions["offers"]): MutableScope {
  return createScope(
    [pool],
    (_pool, name) => name,
    () => {},
    offers,
  );
}

interface MutableScope extends Scope {
  rebuild(kind: ListKind): void;
}

function createScope(
  pools: readonly Pool[],
  nameOf: (pool: Pool, name: string) => string,
  onCollisions: (kind: ListKind, found: Collision[]) => void,
  offers: CatalogOptions["offers"],
): MutableScope {
  const entries: Record<ListKind, readonly PublicEntry[]> = {
    tools: [],
    resources: [],
    resourceTemplates: [],
    prompts: [],
  };
  const routes: Record<ListKind, ReadonlyMap<string, Route>> = {
    tools: new Map(),
    resources: new Map(),
    resourceTemplates: new Map(),
    prompts: new Map(),
  };
  let templates: readonly { readonly template: UriTemplate; readonly route: Route }[] = [];

  return {
    pools,
    list: (kind) => entries[kind],
    hintOf(kind) {
      let merged: CacheHint | undefined;
      for (const { catalog } of pools) {
        const hint = catalog.hintOf(kind);
        if (hint !== undefined) merged = merged === undefined ? hint : stricterHint(merged, hint);
      }
      return merged ?? NO_CACHE;
    },
    named: (kind, name) => routes[kind].get(name),
    resource: (uri) => {
      const listed = routes.resources.get(uri);
      if (listed !== undefined) return listed;
      const route = templates.find(({ template }) => template.matches(uri))?.route;
      return route === undefined ? undefined : { ...route, original: uri };
    },
    template: (uriTemplate) => routes.resourceTemplates.get(uriTemplate),
    rebuild,
  };

  function rebuild(kind: ListKind): void {
    const isNamed = kind === "tools" || kind === "prompts";
    const found = new Map<string, Route>();
    const list: PublicEntry[] = [];
    const collided: Collision[] = [];
    for (const pool of pools) {
      for (const entry of pool.catalog.lists[kind].values()) {
        if (
          kind === "tools" &&
          offers?.({ pool: pool.namespace, name: entry.key, definition: entry.bytes }) === false
        )
          continue;
        const key = isNamed ? nameOf(pool, entry.key) : entry.key;
        const first = found.get(key);
        if (first !== undefined) {
          const side = (route: Route): { pool: string; name: string } => ({
            pool: route.pool.namespace,
            name: route.original,
          });
          collided.push({
            kind,
            name: key,
            first: side(first),
            second: { pool: pool.namespace, name: entry.key },
          });
          continue;
        }
        found.set(key, { pool, original: entry.key, entry });
        list.push({ key, bytes: key === entry.key ? entry.bytes : renamed(entry, key) });
      }
    }
    entries[kind] = list;
    routes[kind] = found;
    if (kind === "resourceTemplates") {
      templates = [...found.values()].map((route) => ({
        template: compileUriTemplate(route.original),
        route,
      }));
    }
    onCollisions(kind, collided);
  }
}

function renamed(entry: PoolEntry, name: string): Buffer {
  return splice(entry.bytes, [{ span: entry.nameSpan, bytes: Buffer.from(JSON.stringify(name)) }]);
}
