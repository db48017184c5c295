// The documents as resources: `rag://documents/<id>`.
import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  ResourceTemplate,
} from "@modelcontextprotocol/server";
import type { ServerLibrary } from "./server-library.ts";

const MAX_LISTED = 500;
const MAX_CHARS = 1_000_000;

export function registerResources(server: McpServer, { library }: ServerLibrary): void {
  const template = new ResourceTemplate("rag://documents/{id}", {
    // A list for people to choose from; `list_sources` pages through all of them.
    async list() {
      const documents = await library.store.documents({ limit: MAX_LISTED });
      return {
        resources: documents.map(({ id, title, uri, mimeType }) => ({
          ...{
            uri: `rag://documents/${encodeURIComponent(id)}`,
            name: title === "" ? uri : title,
            mimeType,
            description: uri,
          },
        })),
      };
    },
  });
  server.registerResource(
    "document",
    template,
    { title: "Document", description: "The text of a document in the library." },
    async (uri, { id }) => {
      const found = await library.text(decodeURIComponent(String(id)), MAX_CHARS);
      if (found === undefined)
        throw new ProtocolError(ProtocolErrorCode.InvalidParams, `Resource not found: ${uri.href}`, {
          uri: uri.href,
        });
      return { contents: [{ uri: uri.href, mimeType: found.document.mimeType, text: found.text }] };
    },
  );
}
