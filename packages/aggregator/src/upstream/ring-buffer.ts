// The last bytes of a text stream, bounded: a server that floods its stderr costs its own lines, not our memory.

export interface RingBuffer {
  push(chunk: Buffer): void;
  /** What is kept, as text. */
  text(): string;
  /** The last line that is not blank, if any. */
  lastLine(): string | undefined;
}

export function createRingBuffer(maxBytes: number): RingBuffer {
  let chunks: Buffer[] = [];
  let length = 0;
  return { push, text, lastLine };

  function push(chunk: Buffer): void {
    // A copy: the slice may belong to a large pooled buffer that would be kept alive with it.
    const part = Buffer.from(chunk.length > maxBytes ? chunk.subarray(-maxBytes) : chunk);
    chunks.push(part);
    length += part.length;
    while (length > maxBytes) {
      const first = chunks[0];
      if (first === undefined) break;
      const surplus = length - maxBytes;
      if (first.length <= surplus) {
        chunks.shift();
        length -= first.length;
      } else {
        chunks[0] = first.subarray(surplus);
        length -= surplus;
      }
    }
    if (chunks.length > 256) chunks = [Buffer.concat(chunks)];
  }

  function text(): string {
    return Buffer.concat(chunks).toString("utf8");
  }

  function lastLine(): string | undefined {
    return text()
      .split("\n")
      .map((line) => line.trim())
      .findLast((line) => line !== "");
  }
}
