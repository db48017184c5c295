// The parts of a message, as requests have them (OpenAI's chat: `text`, `image_url`), in the words of the other endpoints.
import { field } from "../classify.ts";
import type { ChatMessage } from "../requests.ts";

type Part = Readonly<Record<string, unknown>>;

/** Each part of a content; a text is one part. */
export function partsOf<T>(
  content: ChatMessage["content"],
  into: { readonly text: (text: string) => T; readonly image: (url: string) => T },
): readonly T[] {
  if (typeof content === "string") return [into.text(content)];
  return content.map((part) => {
    const url = imageUrlOf(part);
    if (url !== undefined) return into.image(url);
    const { text } = part as { text?: unknown };
    if (typeof text === "string") return into.text(text);
    throw new RangeError(
      `messages[].content must hold text and image_url parts, got ${String(part["type"])}`,
    );
  });
}

/** All its texts in one. */
export function textOf(content: ChatMessage["content"]): string {
  return partsOf(content, { text: (text) => text, image: () => "" }).join("");
}

/** Media type and base64 of a data URL. */
export function dataOf(url: string): { readonly mediaType: string; readonly data: string } | undefined {
  const [, mediaType, data] = /^data:([^;,]+);base64,(.*)$/s.exec(url) ?? [];
  return mediaType === undefined || data === undefined ? undefined : { mediaType, data };
}

function imageUrlOf(part: Part): string | undefined {
  const given = part["image_url"];
  const url = typeof given === "string" ? given : field(given, "url");
  return typeof url === "string" ? url : undefined;
}
