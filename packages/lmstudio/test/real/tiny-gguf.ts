// A language model of a few megabytes, written by hand: its weights are set so that it says one sentence, word after word, and
// then stops (or goes round for ever). GGUF version 3 (ggml-org/ggml, docs/gguf.md), architecture llama, 32-bit floats.

export interface TinyModel {
  readonly name: string;
  /** Its words differ from each other, since each word decides about the next. */
  readonly say: string;
  /** After the last word comes the first, without end. @defaultValue false */
  readonly loops?: boolean;
}

const width = 384;
const layers = 2;
const heads = 6;
const feedForward = 32;
const alignment = 32;
const newline = "<0x0A>";
const template =
  "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}";

export function tinyGguf({ name, say, loops = false }: TinyModel): Buffer {
  const words = say.split(" ").map((word) => `▁${word}`);
  const tokens = vocabulary(words);
  const index = (token: string): number => tokens.findIndex(({ text }) => text === token);
  // What was read last decides what is said next: after the line that begins an answer the first word, and so on.
  const next = new Map<number, number>([[index(newline), index(words[0] ?? "")]]);
  for (const [at, word] of words.entries()) {
    const following = words[at + 1] ?? (loops ? words[0] : "</s>");
    next.set(index(word), index(following ?? "</s>"));
  }
  const tensors = tensorsOf(tokens.length, next);
  const head = new Writer();
  head.bytes(Buffer.from("GGUF"));
  head.u32(3);
  head.u64(tensors.length);
  const facts = factsOf(name, tokens);
  head.u64(facts.length);
  for (const [key, write] of facts) {
    head.string(key);
    write(head);
  }
  let offset = 0;
  for (const { name: tensor, shape, data } of tensors) {
    head.string(tensor);
    head.u32(shape.length);
    for (const size of shape) head.u64(size);
    head.u32(0);
    head.u64(offset);
    offset += padded(data.byteLength);
  }
  const parts = [head.done(alignment)];
  for (const { data } of tensors) {
    const bytes = Buffer.alloc(padded(data.byteLength));
    Buffer.from(data.buffer, data.byteOffset, data.byteLength).copy(bytes);
    parts.push(bytes);
  }
  return Buffer.concat(parts);
}

interface Token {
  readonly text: string;
  /** 1 normal, 2 unknown, 3 control, 6 a byte. */
  readonly type: 1 | 2 | 3 | 6;
  readonly score: number;
}

function vocabulary(words: readonly string[]): readonly Token[] {
  const hex = (byte: number): string => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
  const letters = Array.from({ length: 94 }, (_, at) => String.fromCharCode(33 + at));
  const normal = [...new Set(["▁", ...letters, ...words])];
  const tokens: Token[] = [
    { text: "<unk>", type: 2, score: 0 },
    { text: "<s>", type: 3, score: 0 },
    { text: "</s>", type: 3, score: 0 },
    ...Array.from({ length: 256 }, (_, byte): Token => ({ text: hex(byte), type: 6, score: 0 })),
    { text: "<|im_start|>", type: 3, score: 0 },
    { text: "<|im_end|>", type: 3, score: 0 },
    ...normal.map((text, at): Token => ({ text, type: 1, score: -at })),
  ];
  if (tokens.length > width) throw new RangeError(`at most ${width} tokens fit, got ${tokens.length}`);
  return tokens;
}

interface Tensor {
  readonly name: string;
  /** The fastest dimension first. */
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Attention and feed-forward add nothing, so that what goes in, one number per token, comes out at the end. */
function tensorsOf(tokens: number, next: ReadonlyMap<number, number>): readonly Tensor[] {
  const zeros = (name: string, ...shape: number[]): Tensor => ({
    name,
    shape,
    data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
  });
  const ones = (name: string): Tensor => ({ name, shape: [width], data: new Float32Array(width).fill(1) });
  const embedding = zeros("token_embd.weight", width, tokens);
  for (let token = 0; token < tokens; token += 1) embedding.data[token * width + token] = 1;
  const output = zeros("output.weight", width, tokens);
  for (const [from, to] of next) output.data[to * width + from] = 1;
  const blocks = Array.from({ length: layers }, (_, layer) => [
    ones(`blk.${layer}.attn_norm.weight`),
    ...["q", "k", "v", "output"].map((part) => zeros(`blk.${layer}.attn_${part}.weight`, width, width)),
    ones(`blk.${layer}.ffn_norm.weight`),
    zeros(`blk.${layer}.ffn_gate.weight`, width, feedForward),
    zeros(`blk.${layer}.ffn_up.weight`, width, feedForward),
    zeros(`blk.${layer}.ffn_down.weight`, feedForward, width),
  ]).flat();
  return [embedding, ...blocks, ones("output_norm.weight"), output];
}

type Fact = readonly [string, (writer: Writer) => void];

function factsOf(name: string, tokens: readonly Token[]): readonly Fact[] {
  const text = (value: string) => (writer: Writer) => {
    writer.u32(8);
    writer.string(value);
  };
  const count = (value: number) => (writer: Writer) => {
    writer.u32(4);
    writer.u32(value);
  };
  const real = (value: number) => (writer: Writer) => {
    writer.u32(6);
    writer.f32(value);
  };
  const flag = (value: boolean) => (writer: Writer) => {
    writer.u32(7);
    writer.bytes(Buffer.from([value ? 1 : 0]));
  };
  const list = (type: number, write: (writer: Writer, token: Token) => void) => (writer: Writer) => {
    writer.u32(9);
    writer.u32(type);
    writer.u64(tokens.length);
    for (const token of tokens) write(writer, token);
  };
  return [
    ["general.architecture", text("llama")],
    ["general.name", text(name)],
    ["llama.context_length", count(4_096)],
    ["llama.embedding_length", count(width)],
    ["llama.block_count", count(layers)],
    ["llama.feed_forward_length", count(feedForward)],
    ["llama.attention.head_count", count(heads)],
    ["llama.attention.head_count_kv", count(heads)],
    ["llama.attention.layer_norm_rms_epsilon", real(1e-5)],
    ["llama.rope.dimension_count", count(width / heads)],
    ["llama.vocab_size", count(tokens.length)],
    ["tokenizer.ggml.model", text("llama")],
    ["tokenizer.ggml.pre", text("default")],
    ["tokenizer.ggml.tokens", list(8, (writer, token) => writer.string(token.text))],
    ["tokenizer.ggml.scores", list(6, (writer, token) => writer.f32(token.score))],
    ["tokenizer.ggml.token_type", list(5, (writer, token) => writer.u32(token.type))],
    ["tokenizer.ggml.bos_token_id", count(1)],
    ["tokenizer.ggml.eos_token_id", count(2)],
    ["tokenizer.ggml.unknown_token_id", count(0)],
    ["tokenizer.ggml.add_bos_token", flag(true)],
    ["tokenizer.chat_template", text(template)],
  ];
}

/** Little-endian, as the format has it. */
class Writer {
  readonly #parts: Buffer[] = [];
  #length = 0;

  bytes(part: Buffer): void {
    this.#parts.push(part);
    this.#length += part.length;
  }

  u32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeUInt32LE(value);
    this.bytes(part);
  }

  u64(value: number): void {
    const part = Buffer.alloc(8);
    part.writeBigUInt64LE(BigInt(value));
    this.bytes(part);
  }

  f32(value: number): void {
    const part = Buffer.alloc(4);
    part.writeFloatLE(value);
    this.bytes(part);
  }

  string(value: string): void {
    const part = Buffer.from(value);
    this.u64(part.length);
    this.bytes(part);
  }

  done(align: number): Buffer {
    this.bytes(Buffer.alloc((align - (this.#length % align)) % align));
    return Buffer.concat(this.#parts);
  }
}

function padded(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}
