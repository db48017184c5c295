// Tools that write. All of them may be repeated: ingesting or deleting twice ends where doing it once does.
import type { McpServer } from "@modelcontextprotocol/server";
import { readDocumentFile } from "../sync/read-file.ts";
import { resolveBelowRoots } from "../sync/roots.ts";
import { failureOf, resultOf } from "./results.ts";
import {
  deleteInput,
  deleteOutput,
  ingestFileInput,
  ingestInput,
  ingestOutput,
  upsertInput,
  upsertOutput,
} from "./schemas.ts";
import { progressOf } from "./server.ts";
import type { ServerLibrary } from "./server-library.ts";

const annotations = {
  readOnlyHint: false,
  destructiveHint: false,
  idempotentHint: true,
  openWorldHint: false,
} as const;

export function registerWriteTools(server: McpServer, { library, roots }: ServerLibrary): void {
  server.registerTool(
    "ingest_documents",
    {
      title: "Add documents",
      description:
        "Adds texts to the library, or replaces those with the same uri or id. Unchanged ones are left alone.",
      inputSchema: ingestInput,
      outputSchema: ingestOutput,
      annotations,
    },
    async ({ documents, collection }, context) => {
      try {
        const results = await library.ingest(
          documents.map((document) => ({ ...document, collection })),
          { signal: context.mcpReq.signal, onProgress: progressOf(context) },
        );
        return resultOf({ results });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
  server.registerTool(
    "ingest_file",
    {
      title: "Add a file",
      description:
        "Adds a file to the library: Markdown, text, HTML, PDF, DOCX or source code, below the server's folders.",
      inputSchema: ingestFileInput,
      outputSchema: ingestOutput,
      annotations,
    },
    async ({ path, collection }, context) => {
      try {
        const report = progressOf(context);
        const file = await resolveBelowRoots(path, roots);
        report?.(0, 2, "reading");
        const { document } = await readDocumentFile(library, file, { collection });
        report?.(1, 2, "indexing");
        const results = await library.ingest([document], { signal: context.mcpReq.signal });
        report?.(2, 2, "done");
        return resultOf({ results });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
  server.registerTool(
    "delete_documents",
    {
      title: "Delete documents",
      description: "Deletes documents with their passages, vectors and mentions. Files are not touched.",
      inputSchema: deleteInput,
      outputSchema: deleteOutput,
      annotations: { ...annotations, destructiveHint: true },
    },
    async ({ ids, uris, collection }) => {
      try {
        const named = await Promise.all(
          uris.map(
            async (uri) => (await library.store.documents({ collection, uriPrefix: uri, limit: 1 }))[0],
          ),
        );
        const found = named.flatMap((document, at) =>
          document !== undefined && document.uri === uris[at] ? [document.id] : [],
        );
        return resultOf({ deleted: await library.store.remove([...ids, ...found]) });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
  server.registerTool(
    "upsert_entities",
    {
      title: "Add to the graph",
      description:
        "Adds entities and relations to the graph, or adds observations to entities that are there.",
      inputSchema: upsertInput,
      outputSchema: upsertOutput,
      annotations,
    },
    async ({ entities, relations }) => {
      try {
        return resultOf({ ...(await library.store.upsertGraph(entities, relations)) });
      } catch (error) {
        return failureOf(error);
      }
    },
  );
}
