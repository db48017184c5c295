// A second thread that serves what would hold up the event loop of the first: requests that ingest, and large ones. It has the
// same tools over a library of its own on the same store, and keeps the folders in step, so that files, chunks and vectors of
// documents never come to the first thread.
import { Worker } from "node:worker_threads";
import type { LibraryFlagValues } from "../options.ts";
import { workerUrl } from "../threads/thread.ts";
import type { KeepOptions } from "./folders.ts";
import type { FolderState } from "./server-library.ts";

/** What the thread opens its library with. */
export interface RequestThreadData {
  readonly flags: LibraryFlagValues;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly roots: readonly string[];
  /** Folders that are kept in step, and how. */
  readonly kept: readonly string[];
  readonly keep: KeepOptions;
}

export interface ThreadRequest {
  readonly method: string;
  readonly url: string;
  /** Undefined for a message that came without any: those that it needs are made of what it says. */
  readonly headers: readonly (readonly [name: string, value: string])[] | undefined;
  /** In parts; handed over for good. */
  readonly body: readonly Uint8Array<ArrayBuffer>[];
}

export type ToRequestThread =
  | { readonly id: number; readonly request: ThreadRequest }
  | { readonly id: number; readonly abort: true }
  /** The client's own id of a request. */
  | { readonly cancel: unknown }
  | { readonly close: true };

export type FromRequestThread =
  | {
      readonly id: number;
      readonly head: { readonly status: number; readonly headers: readonly [string, string][] };
    }
  | { readonly id: number; readonly part: Uint8Array }
  | { readonly id: number; readonly end: true }
  | { readonly folders: readonly FolderState[] };

export interface RequestThread {
  /** Rejects when the thread ends; the next request starts another one. */
  serve(request: ThreadRequest, signal: AbortSignal): Promise<Response>;
  /** Breaks off the request that has this id in the client's message. */
  cancel(requestId: unknown): void;
  folders(): readonly FolderState[];
  close(): Promise<void>;
}

interface Exchange {
  head(response: Response): void;
  fail(error: unknown): void;
  parts: ReadableStreamDefaultController<Uint8Array> | undefined;
}

/** Starts at the first request, or at once where folders are to be kept in step. */
export function createRequestThread(data: RequestThreadData): RequestThread {
  const url = workerUrl(import.meta.url, "./request-worker.ts", "request-worker");
  const exchanges = new Map<number, Exchange>();
  let folders: readonly FolderState[] = data.kept.map((root) => ({
    ...{ root, state: "syncing" as const, files: 0, message: "" },
  }));
  let worker: Worker | undefined;
  let nextId = 0;

  const take = (message: FromRequestThread): void => {
    if ("folders" in message) {
      folders = message.folders;
      return;
    }
    const exchange = exchanges.get(message.id);
    if (exchange === undefined) return;
    if ("head" in message) {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          exchange.parts = controller;
        },
        cancel() {
          forget(message.id);
        },
      });
      const { status, headers } = message.head;
      const isEmpty = status === 204 || status === 304;
      exchange.head(new Response(isEmpty ? null : body, { status, headers: [...headers] }));
    } else if ("part" in message) exchange.parts?.enqueue(message.part);
    else {
      exchanges.delete(message.id);
      if (exchange.parts === undefined) exchange.fail(new Error("The request was broken off."));
      else exchange.parts.close();
    }
  };
  /** Nobody waits for it any more. */
  const forget = (id: number): void => {
    exchanges.delete(id);
    worker?.postMessage({ id, abort: true });
  };
  const start = (): Worker => {
    const started = new Worker(url, {
      workerData: data,
      execArgv: [...process.execArgv, "--disable-warning=ExperimentalWarning"],
    });
    const fail = (cause: unknown): void => {
      if (worker !== started) return;
      worker = undefined;
      const message = cause instanceof Error ? cause.message : String(cause);
      folders = folders.map((folder) => ({ ...folder, state: "failed", message }));
      for (const exchange of exchanges.values()) exchange.fail(cause);
      exchanges.clear();
    };
    started.on("message", take);
    started.on("error", fail);
    started.on("exit", () => fail(new Error("The thread that serves large requests ended unexpectedly.")));
    started.unref();
    return started;
  };
  if (data.kept.length > 0) worker = start();

  return {
    folders: () => folders,
    cancel(requestId) {
      worker?.postMessage({ cancel: requestId });
    },
    serve: (request, signal) =>
      new Promise((resolve, reject) => {
        signal.throwIfAborted();
        worker ??= start();
        const id = ++nextId;
        const exchange: Exchange = {
          parts: undefined,
          head: resolve,
          fail(error) {
            reject(error);
            exchange.parts?.error(error);
          },
        };
        exchanges.set(id, exchange);
        const onAbort = (): void => {
          if (!exchanges.has(id)) return;
          forget(id);
          exchange.fail(signal.reason);
        };
        signal.addEventListener("abort", onAbort, { once: true });
        worker.postMessage(
          { id, request },
          request.body.map(({ buffer }) => buffer),
        );
      }),
    async close() {
      const last = worker;
      if (last === undefined) return;
      const ended = new Promise((resolve) => last.once("exit", resolve));
      worker = undefined;
      last.ref();
      last.postMessage({ close: true });
      await ended;
    },
  };
}
