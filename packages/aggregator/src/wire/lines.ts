// Splits a byte stream into lines in linear time with a bound: chunks are only joined once their line is whole,
// and a line over the bound is skipped to its end instead of killing the stream.

/** What a line splitter tells. */
export interface LineSplitterOptions {
  /** Longest line that is delivered, in bytes. */
  readonly maxLineBytes: number;
  /** Also ends lines at a lone CR and at CRLF, as server-sent events need it. @defaultValue false */
  readonly carriageReturns?: boolean;
  /** A whole line, without its terminator. */
  readonly onLine: (line: Buffer) => void;
  /** A line longer than the bound came to its end and was dropped; these are its first and last bytes. */
  readonly onOversize: (head: Buffer, tail: Buffer) => void;
}

export interface LineSplitter {
  push(chunk: Buffer): void;
  /** Delivers an unterminated last line. */
  end(): void;
}

/** How much of the beginning and the end of a dropped line is kept. */
const EXCERPT_BYTES = 256;
const LF = 0x0a;
const CR = 0x0d;

export function createLineSplitter(options: LineSplitterOptions): LineSplitter {
  const { maxLineBytes, carriageReturns = false, onLine, onOversize } = options;
  let parts: Buffer[] = [];
  let length = 0;
  /** First and last bytes of the line that is being dropped. */
  let dropped: { head: Buffer; tail: Buffer } | undefined;
  let skipLineFeed = false;

  return { push, end };

  function push(chunk: Buffer): void {
    let from = 0;
    if (skipLineFeed && chunk.length > 0) {
      skipLineFeed = false;
      if (chunk[0] === LF) from = 1;
    }
    let nextLf = chunk.indexOf(LF, from);
    let nextCr = carriageReturns ? chunk.indexOf(CR, from) : -1;
    while (nextLf !== -1 || nextCr !== -1) {
      const isCr = nextCr !== -1 && (nextLf === -1 || nextCr < nextLf);
      const at = isCr ? nextCr : nextLf;
      finish(chunk.subarray(from, at));
      from = at + 1;
      if (isCr) {
        if (from === chunk.length) skipLineFeed = true;
        else if (chunk[from] === LF) from++;
        nextCr = chunk.indexOf(CR, from);
      }
      if (nextLf !== -1 && nextLf < from) nextLf = chunk.indexOf(LF, from);
    }
    if (from < chunk.length) keep(chunk.subarray(from));
  }

  function end(): void {
    if (length > 0 || dropped !== undefined) finish(Buffer.alloc(0));
  }

  function keep(part: Buffer): void {
    if (dropped !== undefined || length + part.length > maxLineBytes) {
      drop(part);
      return;
    }
    parts.push(part);
    length += part.length;
  }

  function finish(last: Buffer): void {
    if (dropped !== undefined || length + last.length > maxLineBytes) {
      drop(last);
      const { head, tail } = dropped ?? { head: last, tail: last };
      dropped = undefined;
      onOversize(head, tail);
      return;
    }
    const line = parts.length === 0 ? last : Buffer.concat([...parts, last], length + last.length);
    parts = [];
    length = 0;
    onLine(line);
  }

  function drop(part: Buffer): void {
    if (dropped === undefined) {
      const start = parts.length === 0 ? part : Buffer.concat([...parts, part]);
      parts = [];
      length = 0;
      dropped = {
        head: Buffer.from(start.subarray(0, EXCERPT_BYTES)),
        tail: Buffer.from(start.subarray(-EXCERPT_BYTES)),
      };
    } else {
      dropped.tail = Buffer.concat([dropped.tail, part.subarray(-EXCERPT_BYTES)]).subarray(-EXCERPT_BYTES);
    }
  }
}
