// What an installed package dragged in, compared with the package table.
import type { PackageRow } from "../package-table.ts";

/** The part of package-lock.json (lockfileVersion 3) that matters here. */
export interface Lockfile {
  readonly packages: Readonly<Record<string, LockedPackage>>;
}

interface LockedPackage {
  readonly version?: string;
  readonly resolved?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

export interface TreeVerdict {
  /** Names of everything that was installed, sorted. */
  readonly installed: readonly string[];
  /** What is there although no row allows it: `name (because of …)`. */
  readonly surplus: readonly string[];
  /** Packages of this workspace that did not come from a packed file. */
  readonly fetched: readonly string[];
}

/**
 * Walks from `name` along the edges that the table allows: a workspace package may lead to what its row lists, an npm
 * package to whatever it needs. What is installed and not reached that way is surplus.
 */
export function judgeTree(lock: Lockfile, table: readonly PackageRow[], name: string): TreeVerdict {
  const paths = Object.keys(lock.packages).filter((path) => path !== "");
  const reached = new Set<string>();
  const refused: string[] = [];
  const queue = [`node_modules/${name}`];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path)) continue;
    reached.add(path);
    const row = table.find((candidate) => candidate.name === nameOf(path));
    for (const dependency of edgesOf(lock.packages[path])) {
      const target = resolveFrom(path, dependency, lock);
      if (row !== undefined && ![...row.workspace, ...row.npm].includes(dependency))
        refused.push(`${dependency} (a dependency of ${row.name})`);
      else if (target !== undefined) queue.push(target);
    }
  }
  const direct = new Set(refused.map((text) => text.split(" ")[0]));
  const unreached = paths.filter((path) => !reached.has(path) && !direct.has(nameOf(path))).map(nameOf);
  return {
    installed: [...new Set(paths.map(nameOf))].sort(),
    surplus: [...new Set([...refused, ...unreached.map((one) => `${one} (allowed by no row)`)])].sort(),
    fetched: paths
      .filter((path) => table.some((row) => row.name === nameOf(path)))
      .filter((path) => !lock.packages[path]?.resolved?.startsWith("file:"))
      .map(nameOf),
  };
}

function edgesOf(locked: LockedPackage | undefined): readonly string[] {
  return [locked?.dependencies, locked?.optionalDependencies, locked?.peerDependencies].flatMap((group) =>
    Object.keys(group ?? {}),
  );
}

/** Node's own look-up: the nearest node_modules that has it. */
function resolveFrom(path: string, dependency: string, lock: Lockfile): string | undefined {
  for (let base = path; ; base = base.slice(0, Math.max(base.lastIndexOf("/node_modules/"), 0))) {
    const candidate = `${base === "" ? "" : `${base}/`}node_modules/${dependency}`;
    if (candidate in lock.packages) return candidate;
    if (base === "") return undefined;
  }
}

function nameOf(path: string): string {
  return path.slice(path.lastIndexOf("node_modules/") + "node_modules/".length);
}
