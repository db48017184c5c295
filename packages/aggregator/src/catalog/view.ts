// A view: a selection of what all pools offer, under names of its own if need be, served at its own path or given to single
// callers.
import { compileGlobs } from "../router/glob.ts";
import { splice } from "../wire/splice.ts";
import type { PublicEntry, Route, Scope } from "./catalog.ts";
import { type CacheHint, type ListKind, NO_CACHE, stricterHint } from "./lists.ts";

/** What a view shows. */
export interface ViewConfig {
  /** Tools that it has, as globs of public names (`*` is any characters). @defaultValue all */
  readonly include?: readonly string[] | undefined;
  /** Tools that it has not, as globs of public names; wins over `include`. @defaultValue none */
  readonly exclude?: readonly string[] | undefined;
  /** New names of tools, by their public names. */
  readonly rename?: Readonly<Record<string, string>> | undefined;
  /** Only tools that their servers annotate as read-only. @defaultValue false */
  readonly readOnly?: boolean | undefined;
  /**
   * Namespaces of the pools that it is made of.
   * @defaultValue all; with `include`, those that have a tool in it
   */
  readonly pools?: readonly string[] | undefined;
}

export interface View extends Scope {
  /** Takes over another configuration; whoever uses the view goes on with it. */
  configure(config: ViewConfig): void;
  /** Selects anew, after what all pools offer has changed. */
  rebuild(): void;
}

const EVERYTHING = (): boolean => true;

type Kinds<T> = Readonly<Record<ListKind, T>>;

/** A view of `all`, the scope with public names. */
export function createView(all: Scope, initial: ViewConfig): View {
  let config = initial;
  let lists: Kinds<readonly PublicEntry[]> = { tools: [], resources: [], resourceTemplates: [], prompts: [] };
  let tools: ReadonlyMap<string, Route> = new Map();
  let pools: Scope["pools"] = [];

  const view: View = {
    get pools() {
      return pools;
    },
    list: (kind) => lists[kind],
    hintOf(kind) {
      let merged: CacheHint | undefined;
      for (const { catalog } of pools) {
        const hint = catalog.hintOf(kind);
        if (hint !== undefined) merged = merged === undefined ? hint : stricterHint(merged, hint);
      }
      return merged ?? NO_CACHE;
    },
    named: (kind, name) => (kind === "tools" ? tools.get(name) : visible(all.named("prompts", name))),
    resource: (uri) => visible(all.resource(uri)),
    template: (uriTemplate) => visible(all.template(uriTemplate)),
    configure(next) {
      config = next;
      rebuild();
    },
    rebuild,
  };
  rebuild();
  return view;

  function visible(route: Route | undefined): Route | undefined {
    return route !== undefined && pools.includes(route.pool) ? route : undefined;
  }

  function rebuild(): void {
    const { include, exclude = [], rename = {}, readOnly = false } = config;
    const isIncluded = compileGlobs(include ?? ["*"]) ?? EVERYTHING;
    const isExcluded = compileGlobs(exclude) ?? EVERYTHING;
    const candidates = all.pools.filter(
      ({ namespace }) => config.pools === undefined || config.pools.includes(namespace),
    );
    const found = new Map<string, Route>();
    const list: PublicEntry[] = [];
    for (const entry of all.list("tools")) {
      const route = all.named("tools", entry.key);
      if (route === undefined || !candidates.includes(route.pool)) continue;
      if (!isIncluded(entry.key) || isExcluded(entry.key)) continue;
      if (readOnly && !isReadOnly(entry.bytes)) continue;
      const name = Object.hasOwn(rename, entry.key) ? (rename[entry.key] ?? entry.key) : entry.key;
      // Of two tools that want the same new name, the first has it.
      if (found.has(name)) continue;
      found.set(name, route);
      list.push(name === entry.key ? entry : { key: name, bytes: renamed(route, name) });
    }
    tools = found;
    const serving = new Set([...found.values()].map(({ pool }) => pool));
    pools =
      include === undefined || config.pools !== undefined
        ? candidates
        : candidates.filter((pool) => serving.has(pool));
    const select = (kind: Exclude<ListKind, "tools">): readonly PublicEntry[] =>
      all.list(kind).filter(({ key }) => visible(routeOf(kind, key)) !== undefined);
    lists = {
      tools: list,
      prompts: select("prompts"),
      resources: select("resources"),
      resourceTemplates: select("resourceTemplates"),
    };
  }

  function routeOf(kind: Exclude<ListKind, "tools">, key: string): Route | undefined {
    if (kind === "prompts") return all.named("prompts", key);
    return kind === "resources" ? all.resource(key) : all.template(key);
  }
}

function renamed({ entry }: Route, name: string): Buffer {
  return splice(entry.bytes, [{ span: entry.nameSpan, bytes: Buffer.from(JSON.stringify(name)) }]);
}

function isReadOnly(definition: Buffer): boolean {
  const { annotations } = JSON.parse(definition.toString("utf8")) as {
    annotations?: { readOnlyHint?: unknown } | null;
  };
  return annotations?.readOnlyHint === true;
}
