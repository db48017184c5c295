// The configuration that is in force: read anew on SIGHUP, on a change of the file, or when an operator says so. A bad file
// changes nothing.
import { type FSWatcher, watch } from "node:fs";
import { basename, dirname } from "node:path";
import { ConfigError } from "./error.ts";
import { type LoadedConfig, loadConfig } from "./load.ts";

interface ReloadReport {
  /** Whether the last reading was applied. */
  readonly ok: boolean;
  /** ISO 8601. */
  readonly at: string;
  /** What is wrong with the file, when it was not applied. */
  readonly error: string | null;
  /** What was changed, in words. */
  readonly changes: readonly string[];
}

export interface ConfigStore {
  readonly current: LoadedConfig;
  readonly lastReload: ReloadReport;
  /** Reads and applies the file; several requests at a time become one. */
  reload(): Promise<ReloadReport>;
  /** Reloads whenever the file changes. */
  watch(): void;
  close(): void;
}

export interface ConfigStoreOptions {
  readonly initial: LoadedConfig;
  /** Makes it so, and says what was different. @throws when it cannot be applied, before anything was changed */
  readonly apply: (next: LoadedConfig, before: LoadedConfig) => Promise<readonly string[]>;
  readonly onReload: (report: ReloadReport) => void;
}

/** Editors write in several steps; the file is read when it has been quiet for this long, in milliseconds. */
const QUIET_MS = 150;

export function createConfigStore({ initial, apply, onReload }: ConfigStoreOptions): ConfigStore {
  let current = initial;
  let lastReload: ReloadReport = { ok: true, at: new Date().toISOString(), error: null, changes: [] };
  let running: Promise<ReloadReport> | undefined;
  let again = false;
  let watcher: FSWatcher | undefined;
  let timer: NodeJS.Timeout | undefined;

  return {
    get current() {
      return current;
    },
    get lastReload() {
      return lastReload;
    },
    reload,
    watch() {
      // The directory, because many editors replace the file.
      watcher = watch(dirname(initial.file), { persistent: false }, (_event, name) => {
        if (name !== null && name !== basename(initial.file)) return;
        clearTimeout(timer);
        timer = setTimeout(() => void reload(), QUIET_MS);
      });
      watcher.on("error", () => watcher?.close());
    },
    close() {
      watcher?.close();
      clearTimeout(timer);
    },
  };

  function reload(): Promise<ReloadReport> {
    if (running !== undefined) {
      again = true;
      return running;
    }
    running = (async () => {
      let report: ReloadReport;
      do {
        again = false;
        report = await once();
      } while (again);
      running = undefined;
      return report;
    })();
    return running;
  }

  async function once(): Promise<ReloadReport> {
    const at = new Date().toISOString();
    try {
      const next = await loadConfig(initial.file);
      const changes = await apply(next, current);
      current = next;
      lastReload = { ok: true, at, error: null, changes };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      const isKnown = error instanceof ConfigError || (error instanceof Error && "code" in error);
      lastReload = { ok: false, at, error: isKnown ? message : `INTERNAL_ERROR: ${message}`, changes: [] };
    }
    onReload(lastReload);
    return lastReload;
  }
}
