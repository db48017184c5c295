// Cuts text into blocks: the smallest parts that should stay in one piece, with the headings above them. Lines are read
// once, without building a tree; a parser for all of CommonMark took 3.7 s for 1.7 MB and knew no more that matters here.

export interface Block {
  readonly start: number;
  /** Exclusive, without the line break. */
  readonly end: number;
  /** Headings above it, outermost first. */
  readonly headings: readonly string[];
  /** `solid` blocks (code fences, tables, declarations) are cut only between lines, and only if they are too long. */
  readonly kind: "text" | "solid" | "heading";
}

interface Line {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const FENCE = /^(?: {0,3}|\s*(?:[-*+]|\d+[.)])\s+|\s+)(`{3,}|~{3,})/;
const ATX_HEADING = /^ {0,3}(#{1,6})(?:\s+(.*?))?(?:\s+#+)?\s*$/;
const SETEXT_UNDERLINE = /^ {0,3}(=+|-+)\s*$/;
const TABLE_DELIMITER = /^\s*\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?\s*$/;

/** Markdown: front matter, headings, fences, tables, and what blank lines separate. */
export function markdownBlocks(text: string): readonly Block[] {
  const lines = linesOf(text);
  const blocks: Block[] = [];
  const stack: { readonly level: number; readonly title: string }[] = [];
  const titles = (): readonly string[] => stack.map(({ title }) => title);
  let open: Line[] = [];
  const add = (kind: Block["kind"], part: readonly Line[]): void => {
    const [first, last] = [part[0], part.at(-1)];
    if (first !== undefined && last !== undefined)
      blocks.push({ start: first.start, end: last.end, headings: titles(), kind });
  };
  const flush = (): void => {
    add("text", open);
    open = [];
  };
  const heading = (level: number, title: string, part: readonly Line[]): void => {
    while ((stack.at(-1)?.level ?? 0) >= level) stack.pop();
    stack.push({ level, title: plain(title) });
    add("heading", part);
  };

  let at = frontMatterEnd(lines);
  if (at > 0) add("solid", lines.slice(0, at));
  while (at < lines.length) {
    const line = lines[at] as Line;
    const fence = FENCE.exec(line.text)?.[1];
    const atx = ATX_HEADING.exec(line.text);
    const underline = SETEXT_UNDERLINE.exec(lines[at + 1]?.text ?? "")?.[1];
    if (fence !== undefined) {
      flush();
      const closing = new RegExp(`^\\s*${fence[0] === "`" ? "`" : "~"}{${fence.length},}\\s*$`);
      let end = at + 1;
      while (end < lines.length && !closing.test((lines[end] as Line).text)) end++;
      add("solid", lines.slice(at, end + 1));
      at = end + 1;
    } else if (atx !== null) {
      flush();
      heading(atx[1]?.length ?? 1, atx[2] ?? "", [line]);
      at++;
    } else if (
      underline !== undefined &&
      open.length === 0 &&
      line.text.trim() !== "" &&
      !line.text.includes("|")
    ) {
      heading(underline.startsWith("=") ? 1 : 2, line.text, lines.slice(at, at + 2));
      at += 2;
    } else if (
      line.text.includes("|") &&
      TABLE_DELIMITER.test(lines[at + 1]?.text ?? "") &&
      (lines[at + 1]?.text ?? "").includes("-")
    ) {
      flush();
      let end = at + 2;
      while (end < lines.length && (lines[end] as Line).text.includes("|")) end++;
      add("solid", lines.slice(at, end));
      at = end;
    } else {
      if (line.text.trim() === "") flush();
      else open.push(line);
      at++;
    }
  }
  flush();
  return blocks;
}

/** Plain text: paragraphs. */
export function textBlocks(text: string): readonly Block[] {
  return runsOf(linesOf(text), (_before, line) => line.text.trim() === "").map((part) =>
    blockOf(part, "text"),
  );
}

/** Source code of any language with indentation: a new block where, after a blank line, a line starts at the margin. */
export function codeBlocks(text: string): readonly Block[] {
  const lines = linesOf(text);
  const runs: Line[][] = [];
  let blank = true;
  for (const line of lines) {
    const empty = line.text.trim() === "";
    const begins = blank && !empty && /^[^\s)}\]]/.test(line.text);
    if (begins || runs.length === 0) runs.push([]);
    runs.at(-1)?.push(line);
    blank = empty;
  }
  return runs
    .map(trimBlank)
    .filter((part) => part.length > 0)
    .map((part) => blockOf(part, "solid"));
}

function runsOf(
  lines: readonly Line[],
  isBreak: (before: Line | undefined, line: Line) => boolean,
): readonly Line[][] {
  const runs: Line[][] = [[]];
  for (const [at, line] of lines.entries()) {
    if (isBreak(lines[at - 1], line)) runs.push([]);
    else runs.at(-1)?.push(line);
  }
  return runs.filter((part) => part.length > 0);
}

function trimBlank(part: readonly Line[]): readonly Line[] {
  let [from, to] = [0, part.length];
  while (from < to && part[from]?.text.trim() === "") from++;
  while (to > from && part[to - 1]?.text.trim() === "") to--;
  return part.slice(from, to);
}

function blockOf(part: readonly Line[], kind: Block["kind"]): Block {
  return { start: part[0]?.start ?? 0, end: part.at(-1)?.end ?? 0, headings: [], kind };
}

export function linesOf(text: string, offset = 0): readonly Line[] {
  const lines: Line[] = [];
  for (let start = 0; start < text.length; ) {
    const newline = text.indexOf("\n", start);
    const end = newline === -1 ? text.length : newline;
    const line = text.slice(start, end);
    lines.push({
      start: offset + start,
      end: offset + end,
      text: line.endsWith("\r") ? line.slice(0, -1) : line,
    });
    start = end + 1;
  }
  return lines;
}

function frontMatterEnd(lines: readonly Line[]): number {
  if (lines[0]?.text.trim() !== "---") return 0;
  const end = lines.findIndex(({ text }, at) => at > 0 && (text.trim() === "---" || text.trim() === "..."));
  return end === -1 ? 0 : end + 1;
}

/** A heading without its markup: links keep their text. */
function plain(title: string): string {
  return title
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/[*_`]/g, "")
    .trim();
}
