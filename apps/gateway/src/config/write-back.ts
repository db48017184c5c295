// Changes that operators made at run time, written into the configuration file: comments and order stay, the file is
// replaced in one step, and a file that would no longer load is not written.
import { randomUUID } from "node:crypto";
import { open, rename, rm, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { type Document, isMap, isSeq, parseDocument, type YAMLMap, type YAMLSeq } from "yaml";
import type { ServerPersistence } from "../admin/operations/servers.ts";
import { ConfigError } from "./error.ts";
import { loadConfig } from "./load.ts";
import { readSource } from "./source.ts";

/** Writes changes into `file`, one after another. */
export function createWriteBack(file: string): ServerPersistence {
  let last: Promise<unknown> = Promise.resolve();

  return {
    added: (pool, upstream) =>
      change((document) => {
        const upstreams = document.getIn(["pools", pool, "upstreams"]);
        const written = Object.fromEntries(
          Object.entries(upstream).filter(([, value]) => value !== undefined),
        );
        if (isSeq(upstreams)) upstreams.add(document.createNode(written));
        else document.setIn(["pools", pool], document.createNode({ upstreams: [written] }));
      }),
    removed: (id) =>
      change((document) => {
        const { pool, upstreams, at } = find(document, id);
        upstreams.delete(at);
        if (upstreams.items.length === 0) document.deleteIn(["pools", pool]);
      }),
    updated: (id, patch) =>
      change((document) => {
        const { upstreams, at } = find(document, id);
        const upstream = upstreams.get(at) as YAMLMap;
        for (const [key, value] of Object.entries(patch))
          if (value === undefined) upstream.delete(key);
          else upstream.set(key, value);
      }),
  };

  function change(edit: (document: Document) => void): Promise<void> {
    const done = last.then(() => rewrite(file, edit));
    last = done.catch(() => {});
    return done;
  }
}

async function rewrite(file: string, edit: (document: Document) => void): Promise<void> {
  const { document } = await readSource(file);
  if (document === undefined || !isMap(document.get("pools"))) throw cannot(file);
  const copy = parseDocument(document.toString());
  edit(copy as unknown as Document);
  // Beside the file, because what it refers to counts from there.
  const draft = join(dirname(file), `.${randomUUID()}.${basename(file)}`);
  try {
    const { mode } = await stat(file);
    await writeFile(draft, copy.toString({ lineWidth: 120 }), { mode });
    const handle = await open(draft, "r");
    await handle.sync();
    await handle.close();
    await loadConfig(draft);
    await rename(draft, file);
  } finally {
    await rm(draft, { force: true });
  }
}

function find(
  document: Document,
  id: string,
): { readonly pool: string; readonly upstreams: YAMLSeq; readonly at: number } {
  const pools = document.toJS() as { pools: Record<string, { upstreams: { id?: string }[] }> };
  for (const [pool, { upstreams }] of Object.entries(pools.pools)) {
    const at = upstreams.findIndex(({ id: own }, index) => (own ?? `${pool}-${index + 1}`) === id);
    const node = document.getIn(["pools", pool, "upstreams"]);
    if (at !== -1 && isSeq(node)) return { pool, upstreams: node, at };
  }
  throw new ConfigError("", [
    { path: "pools", message: `the file has no upstream "${id}"; it was changed only at run time` },
  ]);
}

function cannot(file: string): ConfigError {
  const message =
    "has no pools of its own (a module, or a list in another format), so changes cannot be written into it";
  return new ConfigError(file, [{ path: "", message }]);
}
