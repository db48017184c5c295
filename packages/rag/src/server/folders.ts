// The folders that a server mirrors: read at the start, and on if it is to watch them; their state is part of its status.
import type { Library } from "../library/library.ts";
import { type SyncOptions, type SyncResult, syncFolder } from "../sync/sync.ts";
import { watchFolder } from "../sync/watch.ts";
import type { FolderState } from "./server-library.ts";

export interface KeptFolders {
  states(): readonly FolderState[];
  close(): Promise<void>;
}

export interface KeepOptions extends Pick<SyncOptions, "include" | "exclude" | "collection"> {
  readonly watch: boolean;
  readonly onChange?: ((states: readonly FolderState[]) => void) | undefined;
}

/** Begins at once, in the background; who asks early finds what has been read so far. */
export function keepFolders(library: Library, roots: readonly string[], options: KeepOptions): KeptFolders {
  const { watch, onChange, ...rest } = options;
  const states = new Map<string, FolderState>();
  const stopped = new AbortController();
  const note = (root: string, state: FolderState["state"], files: number, message: string): void => {
    states.set(root, { root, state, files, message });
    onChange?.([...states.values()]);
  };
  const noteResult = (root: string, { files, failed }: SyncResult): void => {
    const names = failed.slice(0, 3).map(({ path, code }) => `${path}: ${code}`);
    note(
      root,
      "in-step",
      files,
      failed.length === 0 ? "" : `${failed.length} not read (${names.join(", ")})`,
    );
  };
  const noteError = (root: string, error: unknown): void => {
    note(
      root,
      "failed",
      states.get(root)?.files ?? 0,
      error instanceof Error ? error.message : String(error),
    );
  };
  const ends = roots.map((root): (() => Promise<void>) => {
    note(root, "syncing", 0, "");
    const onProgress = (done: number, total: number): void => {
      if (states.get(root)?.state === "syncing") note(root, "syncing", done, `${done} of ${total} files`);
    };
    const settings = { ...rest, root, onProgress };
    if (watch) {
      const watching = watchFolder(library, {
        ...settings,
        onSync: (result) => noteResult(root, result),
        onError: (error) => noteError(root, error),
      });
      watching.first.catch((error: unknown) => noteError(root, error));
      return () => watching.close();
    }
    const once = syncFolder(library, { ...settings, signal: stopped.signal }).then(
      (result) => noteResult(root, result),
      (error: unknown) => noteError(root, error),
    );
    return () => once;
  });
  return {
    states: () => [...states.values()],
    async close() {
      stopped.abort();
      await Promise.all(ends.map((end) => end()));
    },
  };
}
