// Goes through the inside of long JSON strings four bytes at a time.

export class PlainWords {
  readonly #words: Int32Array;
  /** Where the first word begins. */
  readonly #start: number;

  /** @param from where the first byte is that will be looked at */
  constructor(bytes: Uint8Array, from: number) {
    const { buffer, byteOffset, length } = bytes;
    this.#start = from + ((4 - ((byteOffset + from) & 3)) & 3);
    const count = (length - this.#start) >> 2;
    this.#words = count > 0 ? new Int32Array(buffer, byteOffset + this.#start, count) : NOTHING;
  }

  /** From a byte to the next one that may be a quote, a backslash or a control character; it may be the same, or the end. */
  skip(at: number): number {
    const offset = at - this.#start;
    if (offset < 0 || (offset & 3) !== 0) return at;
    const words = this.#words;
    let word = offset >> 2;
    while (word < words.length && isPlain(words[word] as number)) word++;
    return this.#start + (word << 2);
  }
}

const NOTHING = new Int32Array();

/**
 * Whether none of the four bytes is a quote, a backslash or a control character: "determine if a word has a byte less than
 * n" and "... equal to n" of Sean Anderson's Bit Twiddling Hacks. Never true wrongly; wrongly false for neighbours at most.
 */
function isPlain(word: number): boolean {
  const quotes = word ^ 0x22222222;
  const backslashes = word ^ 0x5c5c5c5c;
  return (
    ((((word - 0x20202020) & ~word) |
      ((quotes - 0x01010101) & ~quotes) |
      ((backslashes - 0x01010101) & ~backslashes)) &
      0x80808080) ===
    0
  );
}
