// A document made ready for the store: read as what it is, chunked, hashed, with its part of the graph. Pure, so that a
// thread can do it: a long text takes longer than an event loop should stand still.
import { createHash } from "node:crypto";
import { basename } from "node:path";
import { chunkText } from "../chunk/chunk.ts";
import { RagError } from "../errors.ts";
import { structureGraph } from "../graph/structure.ts";
import { formatOfMimeType } from "../parse/formats.ts";
import { htmlToMarkdown } from "../parse/html.ts";
import { markdownTitle } from "../parse/parse.ts";
import type { MetadataValue, StoredDocument } from "../store/store.ts";

export interface DocumentInput {
  readonly text: string;
  /** Where it comes from; the same place is the same document. @defaultValue made of `id`, or else of the text */
  readonly uri?: string | undefined;
  /** @defaultValue derived from collection and uri */
  readonly id?: string | undefined;
  /** @defaultValue what the text calls itself, or the last part of the uri */
  readonly title?: string | undefined;
  /** @defaultValue "text/markdown" */
  readonly mimeType?: string | undefined;
  /** @defaultValue "default" */
  readonly collection?: string | undefined;
  readonly metadata?: Readonly<Record<string, MetadataValue>> | undefined;
  readonly fingerprint?: string | undefined;
}

export interface PrepareOptions {
  readonly maxChars: number;
  readonly minChars: number;
  readonly structureGraph: boolean;
  /** Whoever adds to the graph afterwards: with another one documents are written anew. */
  readonly extractor: string;
}

/** Part of each document's hash: when chunking changes, everything is chunked again. */
const PIPELINE_VERSION = 1;
const MAX_TEXT_CHARS = 50_000_000;

/** @throws RagError `INVALID_INPUT` */
export async function prepareDocument(
  input: DocumentInput,
  options: PrepareOptions,
): Promise<StoredDocument> {
  const { collection = "default", mimeType = "text/markdown", metadata = {}, fingerprint = "" } = input;
  if (input.text.length > MAX_TEXT_CHARS)
    throw new RagError(
      "INVALID_INPUT",
      `A document has ${input.text.length} characters; at most ${MAX_TEXT_CHARS} are taken.`,
    );
  const read = formatOfMimeType(mimeType);
  const html = read.parser === "html" ? await htmlToMarkdown(input.text) : undefined;
  const text = (html?.markdown ?? input.text).normalize("NFC");
  const id = input.id === undefined ? undefined : checkedId(input.id);
  const uri = input.uri ?? (id === undefined ? `text:${sha256(text).slice(0, 20)}` : `id:${id}`);
  const named = html?.title || (read.format === "markdown" ? markdownTitle(text) : "");
  const title = input.title ?? (named || decoded(basename(uri)));
  const chunks = chunkText(text, read.format, title, options);
  const parts = [PIPELINE_VERSION, options, title, mimeType, metadata, sha256(text)];
  return {
    ...{
      id,
      collection,
      uri,
      title,
      mimeType,
      metadata,
      fingerprint,
      chunks,
      hash: sha256(JSON.stringify(parts)),
    },
    ...(options.structureGraph ? { graph: structureGraph({ uri, title, chunks, format: read.format }) } : {}),
  };
}

function checkedId(id: string): string {
  if (!/^[^\s#]{1,200}$/.test(id))
    throw new RagError(
      "INVALID_INPUT",
      `A document's id must have 1 to 200 characters, no white space and no "#"; got "${id.slice(0, 60)}".`,
    );
  return id;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}
