// Chooses between the two threads of a server: searches and what else is small are served by the first one, what ingests or is
// large by the other. Which one it is changes nothing in the answer, so a guess from the bytes is enough.
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { NodeIncomingMessageLike, NodeMcpRequestHandler } from "@modelcontextprotocol/node";
import { toNodeHandler } from "@modelcontextprotocol/node";
import { LARGE_BYTES, MAX_BODY_BYTES } from "./limits.ts";
import type { RequestThread } from "./request-thread.ts";

/** Names of tools that are for the second thread, however small the request. */
const INGESTING: readonly string[] = ["ingest_documents", "ingest_file"];

/** Whether a message is one that the second thread should read. */
export function isForSecondThread(message: Buffer): boolean {
  return message.length > LARGE_BYTES || INGESTING.some((name) => message.includes(name));
}

/** In front of `first`: hands over to the thread what is for it. */
export function withRequestThread(
  first: NodeMcpRequestHandler,
  thread: RequestThread,
): NodeMcpRequestHandler {
  return async (request, response) => {
    const incoming = request as IncomingMessage;
    if (incoming.method !== "POST") return await first(request, response);
    const parts: Uint8Array<ArrayBuffer>[] = [];
    let size = 0;
    for await (const part of incoming.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      // A copy, so that its memory can be handed over.
      parts.push(new Uint8Array(part));
      size += part.length;
      if (size > MAX_BODY_BYTES) break;
    }
    const { url = "", headers } = incoming;
    const isTooLarge = size > MAX_BODY_BYTES;
    const isSecond = size > LARGE_BYTES || isForSecondThread(Buffer.concat(parts));
    if (isTooLarge || !isSecond) return await first(replayed(incoming, parts), response);
    const handedOver = {
      method: "POST",
      url: `http://localhost${url}`,
      headers: pairsOf(headers),
      body: parts,
    };
    const second = toNodeHandler(
      { fetch: ({ signal }) => thread.serve(handedOver, signal) },
      { maxRequestBodySize: MAX_BODY_BYTES },
    );
    await second(replayed(incoming, []), response);
  };
}

/** The request with a body that was read already. */
function replayed(
  { method, url, headers }: IncomingMessage,
  parts: readonly Uint8Array[],
): NodeIncomingMessageLike {
  return {
    ...(method === undefined ? {} : { method }),
    ...(url === undefined ? {} : { url }),
    headers,
    async *[Symbol.asyncIterator]() {
      yield* parts;
    },
  };
}

function pairsOf(headers: IncomingHttpHeaders): readonly (readonly [string, string])[] {
  return Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [[name, [value].flat().join(", ")] as const],
  );
}
