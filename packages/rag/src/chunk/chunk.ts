// From blocks to chunks: blocks of one section are packed until the limit; what is longer than the limit is cut where it
// hurts least. Chunks never overlap, so that the offsets give the document back.
import { createHash } from "node:crypto";
import type { StoredChunk } from "../store/store.ts";
import { type Block, codeBlocks, linesOf, markdownBlocks, textBlocks } from "./blocks.ts";

/** How a text is read. */
export type TextFormat = "markdown" | "text" | "code";

export interface ChunkOptions {
  /** Longest chunk, in UTF-16 code units; about 3.5 to a token. 100 to 100 000. @defaultValue 1 500 */
  readonly maxChars?: number | undefined;
  /** A chunk shorter than this takes the next section in as well. @defaultValue a sixth of `maxChars` */
  readonly minChars?: number | undefined;
}

const DEFAULT_MAX_CHARS = 1_500;
const HEADING_SEPARATOR = " > ";
const MAX_HEADING = 300;

/** Validates once. @throws RangeError naming the option */
export function chunkLimits({
  maxChars = DEFAULT_MAX_CHARS,
  minChars = Math.floor(maxChars / 6),
}: ChunkOptions = {}): Required<{ [K in keyof ChunkOptions]: number }> {
  if (!Number.isInteger(maxChars) || maxChars < 100 || maxChars > 100_000)
    throw new RangeError(`maxChars must be an integer from 100 to 100000, got ${maxChars}`);
  if (!Number.isInteger(minChars) || minChars < 0 || minChars > maxChars)
    throw new RangeError(`minChars must be an integer from 0 to maxChars (${maxChars}), got ${minChars}`);
  return { maxChars, minChars };
}

/** Cuts a document; its title stands first in every chunk's heading. */
export function chunkText(
  text: string,
  format: TextFormat,
  title: string,
  options: ChunkOptions = {},
): readonly StoredChunk[] {
  const { maxChars, minChars } = chunkLimits(options);
  const blocks = { markdown: markdownBlocks, text: textBlocks, code: codeBlocks }[format](text);
  const groups: Block[][] = [];
  let group: Block[] = [];
  const length = (): number => (group.at(-1)?.end ?? 0) - (group[0]?.start ?? 0);
  const close = (): void => {
    if (group.length > 0) groups.push(group);
    group = [];
  };
  for (const block of blocks.flatMap((block) => cut(text, block, maxChars))) {
    const start = group[0]?.start ?? block.start;
    const onlyHeadings = group.every(({ kind }) => kind === "heading");
    if (block.end - start > maxChars || (block.kind === "heading" && !onlyHeadings && length() >= minChars))
      close();
    group.push(block);
  }
  close();
  return groups.map((parts) => chunkOf(text, parts, title)).filter((chunk) => chunk.text.trim() !== "");
}

function chunkOf(text: string, parts: readonly Block[], title: string): StoredChunk {
  const [start, end] = [parts[0]?.start ?? 0, parts.at(-1)?.end ?? 0];
  // Sections that share a chunk share the headings that they have in common.
  const content = parts.filter(({ kind }) => kind !== "heading");
  const headings = (content.length > 0 ? content : parts)
    .map(({ headings }) => headings)
    .reduce((common, path) => common.slice(0, sharedLength(common, path)));
  const path = headings[0] === title || title === "" ? headings : [title, ...headings];
  const heading = path
    .filter((part) => part !== "")
    .join(HEADING_SEPARATOR)
    .slice(0, MAX_HEADING);
  const body = text.slice(start, end);
  return { heading, text: body, hash: chunkHash(heading, body), start, end };
}

function chunkHash(heading: string, text: string): string {
  return createHash("sha256").update(`${heading}\n${text}`).digest("hex");
}

function sharedLength(a: readonly string[], b: readonly string[]): number {
  let at = 0;
  while (at < a.length && a[at] === b[at]) at++;
  return at;
}

/** A block that is too long, in pieces: between lines if it is solid, else after sentences, else between words. */
function cut(text: string, block: Block, maxChars: number): readonly Block[] {
  if (block.end - block.start <= maxChars) return [block];
  const pieces =
    block.kind === "solid"
      ? linesOf(text.slice(block.start, block.end), block.start)
      : sentencesOf(text, block);
  const result: Block[] = [];
  let from = block.start;
  let to = block.start;
  const close = (): void => {
    if (to > from) result.push({ ...block, start: from, end: to });
  };
  for (const { start, end } of pieces.flatMap((piece) => hardCut(text, piece, maxChars))) {
    if (end - from > maxChars) {
      close();
      from = start;
    }
    to = end;
  }
  close();
  return result;
}

interface Span {
  readonly start: number;
  readonly end: number;
}

function sentencesOf(text: string, { start, end }: Span): readonly Span[] {
  const spans: Span[] = [];
  let from = start;
  for (const match of text.slice(start, end).matchAll(/[.!?。！？]["')\]]*\s+|\n/g)) {
    const to = start + match.index + match[0].trimEnd().length;
    if (to > from) spans.push({ start: from, end: to });
    from = start + match.index + match[0].length;
  }
  if (end > from) spans.push({ start: from, end });
  return spans;
}

/** The last resort: at a space near the limit, or in the middle of a word, but never within a character. */
function hardCut(text: string, { start, end }: Span, maxChars: number): readonly Span[] {
  const spans: Span[] = [];
  let from = start;
  while (end - from > maxChars) {
    const space = text.lastIndexOf(" ", from + maxChars);
    let to = space > from + maxChars / 2 ? space : from + maxChars;
    if (/[\uDC00-\uDFFF]/.test(text[to] ?? "")) to--;
    spans.push({ start: from, end: to });
    from = text[to] === " " ? to + 1 : to;
  }
  spans.push({ start: from, end });
  return spans;
}
