// A thread per connection, so that no search and no ingest ever blocks the event loop: one that writes, and readers that
// go on meanwhile (WAL).
import { Worker } from "node:worker_threads";
import { RagError } from "../../errors.ts";
import type { Engine, EngineOptions } from "./engine.ts";
import { failureError, type WorkerResponse } from "./protocol.ts";

export interface StoreThread {
  call<M extends keyof Engine>(method: M, parameters: Parameters<Engine[M]>): Promise<ReturnType<Engine[M]>>;
  readonly pending: number;
  close(): Promise<void>;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

// In a source tree the worker is a .ts file beside this one; in the package all entries lie in one folder.
const workerUrl: URL = import.meta.url.endsWith(".ts")
  ? new URL("./worker.ts", import.meta.url)
  : new URL("./sqlite-worker.js", import.meta.url);

export function createStoreThread(options: EngineOptions): StoreThread {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let nextId = 0;
  let closing: Promise<void> | undefined;

  const start = (): Worker => {
    const started = new Worker(workerUrl, {
      workerData: options,
      // On Node 22 `node:sqlite` announces itself on stderr, where an MCP client would show it.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    const fail = (cause: unknown): void => {
      if (worker === started) worker = undefined;
      for (const { reject } of waiting.values())
        reject(
          new RagError(
            "STORE_FAILED",
            `The thread of SQLite store ${options.path} ended unexpectedly.`,
            {},
            { cause },
          ),
        );
      waiting.clear();
    };
    started.on("message", (response: WorkerResponse) => {
      const entry = waiting.get(response.id);
      waiting.delete(response.id);
      if (waiting.size === 0) started.unref();
      if (response.failure === undefined) entry?.resolve(response.result);
      else entry?.reject(failureError(response.failure));
    });
    started.on("error", fail);
    started.on("exit", (code) => fail(new Error(`exit code ${code}`)));
    started.unref();
    return started;
  };

  const send = (method: keyof Engine, parameters: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker ??= start();
      worker.ref();
      const id = ++nextId;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, method, parameters });
    });

  return {
    call(method, parameters) {
      if (closing !== undefined)
        return Promise.reject(new RagError("STORE_CLOSED", `SQLite store ${options.path} was closed.`));
      return send(method, parameters) as Promise<never>;
    },
    get pending() {
      return waiting.size;
    },
    close() {
      closing ??= (async () => {
        if (worker === undefined) return;
        // Behind everything that waits: what was begun is finished.
        await send("close", []);
        await worker?.terminate();
      })();
      return closing;
    },
  };
}
