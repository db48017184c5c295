// Standard input and output on two threads: lines that are for the second one never reach the first one's parser.
import { PassThrough, type Readable, type Writable } from "node:stream";
import { type StdioServerHandle, StdioServerTransport, serveStdio } from "@modelcontextprotocol/server/stdio";
import { MAX_BODY_BYTES } from "./limits.ts";
import type { RequestThread } from "./request-thread.ts";
import { createRagServer } from "./server.ts";
import type { ServerLibrary } from "./server-library.ts";
import { isForSecondThread } from "./two-threads.ts";

const NEWLINE = 0x0a;
const CANCELLED = "notifications/cancelled";

export function serveStdioOnTwoThreads(
  library: ServerLibrary,
  thread: RequestThread,
  input: Readable,
  output: Writable,
): StdioServerHandle {
  const small = new PassThrough();
  const stopped = new AbortController();
  let parts: Buffer[] = [];
  let size = 0;
  let pending = 0;

  const answer = async (line: Buffer): Promise<void> => {
    pending++;
    try {
      const body = [new Uint8Array(line)];
      const request = { method: "POST", url: "http://localhost/mcp", headers: undefined, body };
      const response = await thread.serve(request, stopped.signal);
      const text = await messagesOf(response, (message) => void output.write(`${message}\n`));
      if (text !== "") output.write(`${text}\n`);
    } catch (error) {
      if (stopped.signal.aborted) return;
      const { id } = fieldsOf(line);
      const failure = { code: -32_603, message: error instanceof Error ? error.message : String(error) };
      if (id !== undefined) output.write(`${JSON.stringify({ jsonrpc: "2.0", id, error: failure })}\n`);
    } finally {
      pending--;
    }
  };
  const take = (line: Buffer): void => {
    if (isForSecondThread(line)) void answer(line);
    else {
      if (pending > 0 && line.includes(CANCELLED)) thread.cancel(fieldsOf(line).params?.requestId);
      small.write(line);
    }
  };
  input.on("data", (chunk: Buffer) => {
    let rest = chunk;
    for (let at = rest.indexOf(NEWLINE); at !== -1; at = rest.indexOf(NEWLINE)) {
      take(Buffer.concat([...parts, rest.subarray(0, at + 1)]));
      [parts, size] = [[], 0];
      rest = rest.subarray(at + 1);
    }
    if (rest.length > 0) parts.push(rest);
    size = parts.length === 0 ? 0 : size + rest.length;
    if (size <= MAX_BODY_BYTES) return;
    process.stderr.write(`fairlead-rag: a message has more than ${MAX_BODY_BYTES} bytes\n`);
    input.destroy();
  });
  input.on("end", () => small.end());

  const handle = serveStdio(() => createRagServer(library), {
    transport: new StdioServerTransport(small, output),
  });
  return {
    async close() {
      stopped.abort();
      await handle.close();
    },
  };
}

/** Hands over each message of a stream as it comes; resolves to the text of an answer that is none. */
async function messagesOf(response: Response, take: (message: string) => void): Promise<string> {
  if (response.headers.get("content-type")?.includes("text/event-stream") !== true)
    return (await response.text()).trim();
  let rest = "";
  for await (const text of (response.body ?? new ReadableStream()).pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) if (/^data: *\{/.test(line)) take(line.slice("data:".length).trim());
  }
  return "";
}

function fieldsOf(line: Buffer): {
  readonly id?: unknown;
  readonly params?: { readonly requestId?: unknown };
} {
  try {
    return JSON.parse(line.toString("utf8")) as ReturnType<typeof fieldsOf>;
  } catch {
    return {};
  }
}
