// Many ranked lists into one: by rank, never by score, since scores of two servers have nothing in common. The same text
// from two servers is one hit that counts for both.
import { createHash } from "node:crypto";
import { reciprocalRankFusion } from "../library/fuse.ts";
import type { RagHit } from "./answer.ts";
import type { FoundHit } from "./fan-out.ts";

export function mergeHits(
  lists: readonly (readonly FoundHit[])[],
  maxResults: number,
  maxChars: number,
): { readonly results: readonly RagHit[]; readonly truncated: boolean } {
  const all = new Map<string, FoundHit[]>();
  for (const hit of lists.flat()) {
    const key = contentKey(hit.text);
    all.set(key, [...(all.get(key) ?? []), hit]);
  }
  const fused = reciprocalRankFusion(lists, ({ text }) => contentKey(text)).slice(0, maxResults);
  const results: RagHit[] = [];
  let left = maxChars;
  for (const { item, score } of fused) {
    if (left <= 0) break;
    const { id, title, uri, text, metadata } = item;
    const cut = text.length > left ? `${text.slice(0, left)}…` : text;
    left -= text.length;
    const provenance = (all.get(contentKey(text)) ?? []).map(
      ({ pool, server, capability, rank, rawScore, scoreKind, failedOver }) => ({
        ...{ pool, server, capability, rank, rawScore, scoreKind, failedOver },
      }),
    );
    results.push({ rank: results.length + 1, score, id, title, uri, text: cut, metadata, provenance });
  }
  return { results, truncated: left < 0 || results.length < fused.length };
}

/** Texts that differ in white space only are the same. */
function contentKey(text: string): string {
  return createHash("sha256").update(text.replace(/\s+/g, " ").trim()).digest("base64");
}
