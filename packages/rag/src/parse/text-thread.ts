// The thread that reads files' formats and cuts texts into chunks.
import type { DocumentInput, PrepareOptions } from "../library/prepare.ts";
import type { StoredDocument } from "../store/store.ts";
import { createThread, workerUrl } from "../threads/thread.ts";
import type { FileFormat } from "./formats.ts";
import type { ParsedText } from "./parse.ts";

export interface TextThread {
  prepare(documents: readonly DocumentInput[], options: PrepareOptions): Promise<readonly StoredDocument[]>;
  /** @throws RagError `FORMAT_BROKEN` */
  parse(bytes: Uint8Array, format: FileFormat, name: string): Promise<ParsedText>;
  close(): Promise<void>;
}

export function createTextThread(): TextThread {
  const thread = createThread(
    workerUrl(import.meta.url, "./text-worker.ts", "text-worker"),
    null,
    "the text reader",
  );
  return {
    prepare: (documents, options) =>
      thread.call("prepare", [documents, options]) as Promise<readonly StoredDocument[]>,
    parse: (bytes, format, name) => thread.call("parse", [bytes, format, name]) as Promise<ParsedText>,
    close: () => thread.close(),
  };
}
