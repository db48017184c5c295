// A thread that does what would otherwise hold up the event loop: methods are called by name, answers come back in order.
import { Worker } from "node:worker_threads";
import { RagError } from "../errors.ts";
import { type Failure, failureError } from "./failure.ts";

export interface ThreadRequest {
  readonly id: number;
  readonly method: string;
  readonly parameters: readonly unknown[];
}

export type ThreadResponse =
  | { readonly id: number; readonly result: unknown; readonly failure?: undefined }
  | { readonly id: number; readonly failure: Failure };

export interface Thread {
  call(method: string, parameters: readonly unknown[]): Promise<unknown>;
  /** Calls that have not been answered. */
  readonly pending: number;
  /** After what was begun: calls `last`, if one is given, and ends the thread. Idempotent. */
  close(last?: string): Promise<void>;
}

interface Waiting {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/**
 * Where a worker is: in a source tree a .ts file, in the package a .js file beside all other entries.
 * `from` is the caller's `import.meta.url`, `source` the .ts file seen from there, `entry` the name in tsup.config.ts.
 */
export function workerUrl(from: string, source: string, entry: string): URL {
  return from.endsWith(".ts") ? new URL(source, from) : new URL(`./${entry}.js`, from);
}

/** The thread starts at the first call, and does not keep the process alive while it has nothing to do. */
export function createThread(url: URL, workerData: unknown, what: string): Thread {
  const waiting = new Map<number, Waiting>();
  let worker: Worker | undefined;
  let nextId = 0;
  let closing: Promise<void> | undefined;

  const start = (): Worker => {
    const started = new Worker(url, {
      workerData,
      // On Node 22 `node:sqlite` announces itself on stderr, where an MCP client would show it.
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    const fail = (cause: unknown): void => {
      if (worker === started) worker = undefined;
      for (const { reject } of waiting.values())
        reject(new RagError("STORE_FAILED", `The thread of ${what} ended unexpectedly.`, {}, { cause }));
      waiting.clear();
    };
    started.on("message", (response: ThreadResponse) => {
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
  const send = (method: string, parameters: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      worker ??= start();
      worker.ref();
      const id = ++nextId;
      waiting.set(id, { resolve, reject });
      worker.postMessage({ id, method, parameters });
    });

  return {
    call(method, parameters) {
      if (closing === undefined) return send(method, parameters);
      return Promise.reject(new RagError("STORE_CLOSED", `${what} was closed.`));
    },
    get pending() {
      return waiting.size;
    },
    close(last) {
      closing ??= (async () => {
        if (worker === undefined) return;
        if (last !== undefined) await send(last, []);
        await worker?.terminate();
      })();
      return closing;
    },
  };
}
