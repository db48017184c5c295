// Bytes to text. The parsers of PDF, DOCX and HTML are loaded when the first such file comes.
import { basename } from "node:path";
import type { TextFormat } from "../chunk/chunk.ts";
import { RagError } from "../errors.ts";
import type { FileFormat } from "./formats.ts";
import { htmlToMarkdown } from "./html.ts";

export interface ParsedText {
  readonly text: string;
  readonly format: TextFormat;
  /** What the document calls itself; empty if it does not say. */
  readonly title: string;
}

/** @throws RagError `FORMAT_BROKEN` when the bytes are not what the format says */
export async function parseBytes(bytes: Uint8Array, format: FileFormat, name: string): Promise<ParsedText> {
  try {
    switch (format.parser) {
      case "text": {
        const text = decode(bytes);
        return {
          text,
          format: format.format,
          title: format.format === "markdown" ? markdownTitle(text) : "",
        };
      }
      case "html": {
        const { markdown, title } = await htmlToMarkdown(decode(bytes));
        return { text: markdown, format: "markdown", title };
      }
      case "pdf":
        return await parsePdf(bytes);
      case "docx":
        return await parseDocx(bytes);
    }
  } catch (error) {
    if (error instanceof RagError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new RagError(
      "FORMAT_BROKEN",
      `${basename(name)} cannot be read as ${format.mimeType}: ${reason}`,
      { file: basename(name), mimeType: format.mimeType },
      { cause: error },
    );
  }
}

/** The first heading of the first level, or the title of the front matter. */
export function markdownTitle(text: string): string {
  const frontMatter = /^---\r?\n([\s\S]*?)\r?\n---/.exec(text)?.[1];
  const named =
    frontMatter === undefined ? undefined : /^title:\s*["']?(.*?)["']?\s*$/m.exec(frontMatter)?.[1];
  return named ?? /^#\s+(.+?)\s*#*\s*$/m.exec(text)?.[1]?.replace(/[*_`]/g, "") ?? "";
}

function decode(bytes: Uint8Array): string {
  if (bytes.subarray(0, 8_192).includes(0) && !(bytes[0] === 0xff && bytes[1] === 0xfe))
    throw new Error("it is binary, not text");
  const encoding = bytes[0] === 0xff && bytes[1] === 0xfe ? "utf-16le" : "utf-8";
  // A wrong byte becomes U+FFFD: half a text is worth more than none.
  return new TextDecoder(encoding).decode(bytes);
}

async function parsePdf(bytes: Uint8Array): Promise<ParsedText> {
  const { extractText, getDocumentProxy, getMeta } = await import("unpdf");
  // The copy is handed over for good.
  const pdf = await getDocumentProxy(bytes.slice());
  try {
    const { text: pages } = await extractText(pdf, { mergePages: false });
    const { info } = await getMeta(pdf);
    const text = pages.map((page, at) => `## Page ${at + 1}\n\n${page.trim()}`).join("\n\n");
    const title = (info as { readonly Title?: unknown }).Title;
    return { text, format: "markdown", title: typeof title === "string" ? title.trim() : "" };
  } finally {
    await pdf.cleanup();
  }
}

async function parseDocx(bytes: Uint8Array): Promise<ParsedText> {
  const { default: mammoth } = await import("mammoth");
  const { value } = await mammoth.convertToHtml({ buffer: Buffer.from(bytes) });
  const { markdown } = await htmlToMarkdown(value);
  return { text: markdown, format: "markdown", title: markdownTitle(markdown) };
}
