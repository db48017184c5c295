// The tags that a request gives itself. Read only where a rule asks for tags.
import type { Exchange } from "../client/client.ts";

/** Key in `params._meta`: an array of strings. Whoever sends a request chooses them, so they are hints, not rights. */
export const TAGS_META_KEY = "fairlead/tags";

const PREFIX = "fairlead";
const MAX_TAGS = 32;

export function tagsOf({ message, envelope }: Pick<Exchange, "message" | "envelope">): readonly string[] {
  const { start, end } = envelope.meta;
  if (start === -1) return [];
  // Not the whole key: some print its slash as `\\/`.
  const at = message.indexOf(PREFIX, start);
  if (at === -1 || at >= end) return [];
  const meta = JSON.parse(message.toString("utf8", start, end)) as Readonly<Record<string, unknown>> | null;
  const tags = meta?.[TAGS_META_KEY];
  return Array.isArray(tags)
    ? tags.slice(0, MAX_TAGS).filter((tag): tag is string => typeof tag === "string")
    : [];
}
