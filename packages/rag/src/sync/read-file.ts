// A file as a document.
import { createHash } from "node:crypto";
import { open } from "node:fs/promises";
import { pathToFileURL } from "node:url";
import { RagError } from "../errors.ts";
import type { Library } from "../library/library.ts";
import type { DocumentInput } from "../library/prepare.ts";
import { formatOfFile } from "../parse/formats.ts";

export const DEFAULT_MAX_FILE_BYTES = 32 * 1024 * 1024;

export interface ReadFile {
  readonly document: DocumentInput;
  /** Of the bytes, to recognise a file that was renamed. */
  readonly contentHash: string;
}

/** Changes when the file does: its size and time, which cost no reading. */
export function fingerprintOf({
  size,
  mtimeMs,
}: {
  readonly size: number;
  readonly mtimeMs: number;
}): string {
  return `${size}:${mtimeMs}`;
}

/** @throws RagError `FORMAT_UNSUPPORTED`, `FORMAT_BROKEN`, `FILE_UNREADABLE` */
export async function readDocumentFile(
  library: Pick<Library, "parse">,
  path: string,
  {
    collection,
    maxBytes = DEFAULT_MAX_FILE_BYTES,
  }: { readonly collection?: string; readonly maxBytes?: number } = {},
): Promise<ReadFile> {
  const format = formatOfFile(path);
  if (format === undefined)
    throw new RagError(
      "FORMAT_UNSUPPORTED",
      `${path} is of no format that can be read; docs/rag.md lists them.`,
      { path },
    );
  const { bytes, fingerprint } = await readBytes(path, maxBytes);
  const { text, title } = await library.parse(bytes, format, path);
  const contentHash = createHash("sha256").update(bytes).digest("hex");
  const mimeType =
    format.format === "markdown" && format.parser !== "text" ? "text/markdown" : format.mimeType;
  return {
    contentHash,
    document: {
      ...{ text, uri: pathToFileURL(path).href, mimeType, fingerprint },
      ...(title === "" ? {} : { title }),
      ...(collection === undefined ? {} : { collection }),
      metadata: { contentHash, ...(mimeType === format.mimeType ? {} : { originalType: format.mimeType }) },
    },
  };
}

async function readBytes(
  path: string,
  maxBytes: number,
): Promise<{ bytes: Uint8Array; fingerprint: string }> {
  try {
    await using file = await open(path, "r");
    const stats = await file.stat();
    if (!stats.isFile()) throw new RagError("FILE_UNREADABLE", `${path} is no file.`, { path });
    if (stats.size > maxBytes)
      throw new RagError(
        "FILE_UNREADABLE",
        `${path} has ${stats.size} bytes; at most ${maxBytes} are read.`,
        { path },
      );
    return { bytes: await file.readFile(), fingerprint: fingerprintOf(stats) };
  } catch (error) {
    if (error instanceof RagError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new RagError("FILE_UNREADABLE", `${path} cannot be read: ${reason}`, { path }, { cause: error });
  }
}
