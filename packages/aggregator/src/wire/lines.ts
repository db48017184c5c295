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
  /**
   * A line has become long. It may be taken in parts from here on, beginning with `head`; the parts count towards the
   * bound no more. Asked once a line. @returns undefined to go on collecting
   */
  readonly onLongLine?: (head: Buffer) => LinePartSink | undefined;
  /** A line longer than the bound came to its end and was dropped; these are its first and last bytes. */
  readonly onOversize: (head: Buffer, tail: Buffer) => void;
}

/** Takes the rest of a long line. */
export interface LinePartSink {
  part(part: Buffer): void;
  end(): void;
}

export interface LineSplitter {
  push(chunk: Buffer): void;
  /** Delivers an unterminated last line. */
  end(): void;
}

/** From this length on a line is a long one, in bytes. */
export const LONG_BYTES: number = 256 * 1024;
/** How much of the beginning and the end of a dropped line is kept. */
const EXCERPT_BYTES = 256;
const LF = 0x0a;
const CR = 0x0d;

export function createLineSplitter(options: LineSplitterOptions): LineSplitter {
  const { maxLineBytes, carriageReturns = false, onLine, onLongLine, onOversize } = options;
  let parts: Buffer[] = [];
  let length = 0;
  /** First and last bytes of the line that is being dropped. */
  let dropped: { head: Buffer; tail: Buffer } | undefined;
  let skipLineFeed = false;
  let sink: LinePartSink | undefined;
  let wasAsked = false;

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
    if (length > 0 || dropped !== undefined || sink !== undefined) finish(Buffer.alloc(0));
  }

  function keep(part: Buffer): void {
    if (sink !== undefined) {
      sink.part(part);
      return;
    }
    if (dropped !== undefined || length + part.length > maxLineBytes) {
      drop(part);
      return;
    }
    parts.push(part);
    length += part.length;
    if (length < LONG_BYTES || wasAsked || onLongLine === undefined) return;
    wasAsked = true;
    const head = Buffer.concat(parts, length);
    sink = onLongLine(head);
    parts = sink === undefined ? [head] : [];
    if (sink !== undefined) length = 0;
  }

  function finish(last: Buffer): void {
    wasAsked = false;
    if (sink !== undefined) {
      const taken = sink;
      sink = undefined;
      if (last.length > 0) taken.part(last);
      taken.end();
      return;
    }
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
