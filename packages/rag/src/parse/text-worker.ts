// What runs in the text thread.
import { RagError } from "../errors.ts";
import { type DocumentInput, type PrepareOptions, prepareDocument } from "../library/prepare.ts";
import { serveThread } from "../threads/serve.ts";
import type { FileFormat } from "./formats.ts";
import { parseBytes } from "./parse.ts";

serveThread(
  (method, parameters) => {
    if (method === "parse") return parseBytes(...(parameters as [Uint8Array, FileFormat, string]));
    const [documents, options] = parameters as [readonly DocumentInput[], PrepareOptions];
    return Promise.all(documents.map((document) => prepareDocument(document, options)));
  },
  (error) => {
    if (error instanceof RagError) return { code: error.code, message: error.message, facts: error.facts };
    return { code: "FORMAT_BROKEN", message: `The text cannot be read: ${String(error)}`, facts: {} };
  },
);
