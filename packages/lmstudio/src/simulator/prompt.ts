// The text that a model reads, and the images beside it, out of the messages of any endpoint.
import { isBody } from "./exchange.ts";
import { Refusal } from "./refusal.ts";

export interface Prompt {
  readonly text: string;
  readonly images: number;
}

/** @throws {@link Refusal} when there are no messages, or one of them is none. */
export function promptOf(messages: unknown): Prompt {
  if (!Array.isArray(messages)) throw new Refusal(400, { error: "'messages' field is required" });
  return joined(
    messages.map((message: unknown) => {
      if (!isBody(message) || !("role" in message))
        throw new Refusal(400, { error: "Cannot read properties of null (reading 'role')" });
      return contentOf(message["content"]);
    }),
  );
}

/** A text, or parts in any of the shapes that the endpoints have. */
export function contentOf(content: unknown): Prompt {
  if (typeof content === "string") return { text: content, images: 0 };
  if (!Array.isArray(content)) return { text: "", images: 0 };
  const texts: string[] = [];
  let images = 0;
  for (const part of content as readonly unknown[]) {
    if (!isBody(part)) continue;
    if (["image_url", "input_image", "image"].includes(String(part["type"]))) images += 1;
    const text = part["text"] ?? part["content"];
    if (typeof text === "string") texts.push(text);
  }
  return { text: texts.join(""), images };
}

export function joined(prompts: readonly Prompt[]): Prompt {
  return {
    text: prompts.map(({ text }) => text).join("\n"),
    images: prompts.reduce((sum, { images }) => sum + images, 0),
  };
}
