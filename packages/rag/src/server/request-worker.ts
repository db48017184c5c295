// What runs in the request thread.
import { parentPort, workerData } from "node:worker_threads";
import { createMcpHandler } from "@modelcontextprotocol/server";
import { openLibrary } from "../options.ts";
import { yieldToSearches } from "../threads/yield-to-searches.ts";
import { keepFolders } from "./folders.ts";
import { MAX_BODY_BYTES } from "./limits.ts";
import type {
  FromRequestThread,
  RequestThreadData,
  ThreadRequest,
  ToRequestThread,
} from "./request-thread.ts";
import { createRagServer } from "./server.ts";

yieldToSearches();
const port = parentPort;
if (port === null) throw new Error("this module runs in a worker thread");
const send = (message: FromRequestThread): void => port.postMessage(message);

const { flags, env, roots, kept, keep } = workerData as RequestThreadData;
const running = new Map<number, AbortController>();
/** Of requests without headers, by the client's id. */
const cancellable = new Map<unknown, AbortController>();
const early: ToRequestThread[] = [];
// Messages that come while the library opens are not lost.
let take = (message: ToRequestThread): void => void early.push(message);
port.on("message", (message: ToRequestThread) => take(message));

const library = await openLibrary(flags, env);
const folders = keepFolders(library, kept, { ...keep, onChange: (states) => send({ folders: states }) });
const handler = createMcpHandler(() => createRagServer({ library, roots, folders: folders.states }), {
  maxRequestBodySize: MAX_BODY_BYTES,
});

take = (message) => {
  if ("close" in message) void close();
  else if ("cancel" in message) cancellable.get(message.cancel)?.abort();
  else if ("abort" in message) running.get(message.id)?.abort();
  else void serve(message.id, message.request);
};
for (const message of early) take(message);

async function serve(id: number, { method, url, headers, body }: ThreadRequest): Promise<void> {
  const aborting = new AbortController();
  running.set(id, aborting);
  const bytes = Buffer.concat(body);
  const bare = headers === undefined ? readBare(bytes) : undefined;
  if (bare !== undefined) cancellable.set(bare.id, aborting);
  try {
    const response = await handler.fetch(
      new Request(url, {
        ...{ method, signal: aborting.signal, body: bytes },
        headers: (headers ?? bare?.headers ?? []).map(([name, value]) => [name, value]),
      }),
    );
    send({ id, head: { status: response.status, headers: [...response.headers] } });
    for await (const part of response.body ?? []) send({ id, part });
  } catch (error) {
    // Whoever asked is told that there is no answer; whoever broke it off knows.
    if (!aborting.signal.aborted) process.stderr.write(`fairlead-rag: ${String(error)}\n`);
  } finally {
    running.delete(id);
    if (bare !== undefined) cancellable.delete(bare.id);
    send({ id, end: true });
  }
}

/** The id of a message, and the headers that it would have had over HTTP. */
function readBare(bytes: Buffer): {
  readonly id: unknown;
  readonly headers: readonly (readonly [string, string])[];
} {
  const headers: [string, string][] = [
    ["content-type", "application/json"],
    ["accept", "application/json, text/event-stream"],
  ];
  try {
    const { id, method, params } = JSON.parse(bytes.toString("utf8")) as {
      readonly id?: unknown;
      readonly method?: string;
      readonly params?: { readonly name?: string; readonly _meta?: Readonly<Record<string, unknown>> };
    };
    const version = params?._meta?.["io.modelcontextprotocol/protocolVersion"];
    if (typeof version === "string" && method !== undefined) {
      headers.push(["mcp-protocol-version", version], ["mcp-method", method]);
      if (params?.name !== undefined) headers.push(["mcp-name", params.name]);
    }
    return { id, headers };
  } catch {
    // The handler says what is wrong with it.
    return { id: undefined, headers };
  }
}

async function close(): Promise<void> {
  await folders.close();
  for (const aborting of running.values()) aborting.abort();
  await handler.close();
  await library.close().catch(() => {});
  process.exit();
}
