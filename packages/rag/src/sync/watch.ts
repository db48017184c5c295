// Keeps a folder in step: after changes have settled, and now and then without any, since not every file system tells.
import { type FSWatcher, watch } from "node:fs";
import { type Clock, systemClock } from "@fairlead/core";
import type { Library } from "../library/library.ts";
import { type SyncOptions, type SyncResult, syncFolder } from "./sync.ts";

export interface WatchOptions extends SyncOptions {
  /** Quiet time after the last change, in milliseconds. @defaultValue 300 */
  readonly settleMs?: number | undefined;
  /** Longest time between two looks at the folder, in milliseconds. @defaultValue 60 000 */
  readonly pollMs?: number | undefined;
  readonly onSync?: ((result: SyncResult) => void) | undefined;
  /** Told when a look failed; the next one is tried all the same. */
  readonly onError?: ((error: unknown) => void) | undefined;
  /** @defaultValue the system's clock */
  readonly clock?: Clock | undefined;
}

export interface FolderWatch {
  /** Resolves when the first look is done. @throws as {@link syncFolder} */
  readonly first: Promise<SyncResult>;
  /** Stops; a look under way is broken off. Idempotent. */
  close(): Promise<void>;
}

/** Looks at once, and then whenever something changes. */
export function watchFolder(library: Library, options: WatchOptions): FolderWatch {
  const { settleMs = 300, pollMs = 60_000, onSync, onError, clock = systemClock } = options;
  const stopped = new AbortController();
  let wake: () => void = () => {};
  let changed = false;
  const onChange = (): void => {
    changed = true;
    wake();
  };
  let watcher: FSWatcher | undefined;
  try {
    watcher = watch(options.root, { recursive: true, signal: stopped.signal }, onChange);
    // A folder that goes away is noticed by the next look.
    watcher.on("error", (error) => onError?.(error));
    watcher.unref();
  } catch (error) {
    onError?.(error);
  }
  const look = async (): Promise<SyncResult> => {
    const result = await syncFolder(library, { ...options, signal: stopped.signal });
    onSync?.(result);
    return result;
  };
  const first = look();
  const running = keepLooking();
  return {
    first,
    async close() {
      stopped.abort();
      watcher?.close();
      wake();
      await running;
    },
  };

  async function keepLooking(): Promise<void> {
    await first.catch(() => {});
    while (!stopped.signal.aborted) {
      if (!changed) await changeOrPause();
      // Changes come in flocks: as long as they come, they are waited for, but not for ever.
      for (let waited = 0; changed && waited < 20 && !stopped.signal.aborted; waited++) {
        changed = false;
        await clock.sleep(settleMs, stopped.signal).catch(() => {});
      }
      changed = false;
      if (stopped.signal.aborted) return;
      await look().catch((error: unknown) => {
        if (!stopped.signal.aborted) onError?.(error);
      });
    }
  }

  async function changeOrPause(): Promise<void> {
    const pause = new AbortController();
    await Promise.race([
      new Promise<void>((resolve) => {
        wake = resolve;
      }),
      clock.sleep(pollMs, AbortSignal.any([pause.signal, stopped.signal])).catch(() => {}),
    ]);
    pause.abort();
  }
}
