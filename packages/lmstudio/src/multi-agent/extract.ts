// What counts in an answer: the part that is compared with the others', in one spelling. Nothing found is no vote.
import { type Context, createContext, Script } from "node:vm";

export type Extractor =
  /** The whole text; case, space, the last full stop and the spelling of a number do not matter. */
  | { readonly kind: "text" }
  /** The last number, in digits; separators, currency and trailing zeros do not matter. */
  | { readonly kind: "last-number" }
  /** The one of these words that comes last. */
  | { readonly kind: "choice"; readonly choices: readonly string[] }
  /** The last match's group, or the whole match. */
  | { readonly kind: "regex"; readonly pattern: string; readonly flags?: string; readonly group?: number }
  /** A value in the JSON of the answer, by keys and indexes with dots between; the order of keys does not matter. */
  | { readonly kind: "json"; readonly path?: string };

const longestPattern = 500;
const regexTimeoutMs = 1_000;
/** The end of an answer is where it is; the rest of a very long one is not searched. */
const longestText = 100_000;

/** @throws RangeError for a pattern that is none. */
export function checkExtractor(extractor: Extractor): void {
  if (extractor.kind === "choice" && extractor.choices.length === 0)
    throw new RangeError("extractor.choices must not be empty, got []");
  if (extractor.kind !== "regex") return;
  const { pattern, flags = "" } = extractor;
  if (pattern.length > longestPattern)
    throw new RangeError(
      `extractor.pattern must have at most ${longestPattern} characters, got ${pattern.length}`,
    );
  try {
    new RegExp(pattern, flags);
  } catch (error) {
    throw new RangeError(`extractor.pattern must be a regular expression, got ${pattern}`, { cause: error });
  }
}

/** `null` when the answer has none. */
export function extract(extractor: Extractor, answer: string): string | null {
  const text = answer.slice(-longestText);
  switch (extractor.kind) {
    case "text":
      return nonEmpty(canonicalText(text));
    case "last-number":
      return lastNumber(text);
    case "choice":
      return lastChoice(text, extractor.choices);
    case "regex":
      return lastMatch(text, extractor);
    case "json":
      return jsonAt(text, extractor.path ?? "");
  }
}

function canonicalText(text: string): string {
  const plain = text
    .normalize("NFKC")
    .trim()
    .replaceAll(/\s+/g, " ")
    .replace(/[.!]+$/, "")
    .toLowerCase();
  // `$1,200.00` is 1200.
  return /^[$€£]? ?-?[$€£]?(?:[\d,]+(?:\.\d+)?|\.\d+)$/.test(plain) ? (lastNumber(plain) ?? plain) : plain;
}

function lastNumber(text: string): string | null {
  const found = text.match(/-?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?|-?\.\d+/g)?.at(-1);
  if (found === undefined) return null;
  const value = Number(found.replaceAll(",", ""));
  return String(Object.is(value, -0) ? 0 : value);
}

function lastChoice(text: string, choices: readonly string[]): string | null {
  const lower = text.toLowerCase();
  let best: { readonly at: number; readonly choice: string } | undefined;
  for (const choice of choices) {
    const at = lastWord(lower, choice.toLowerCase());
    if (at < 0) continue;
    // Of two that begin at the same place, the longer one is meant.
    if (best === undefined || at > best.at || (at === best.at && choice.length > best.choice.length))
      best = { at, choice };
  }
  return best?.choice ?? null;
}

/** Where it stands as a word of its own. */
function lastWord(text: string, word: string): number {
  for (let at = text.lastIndexOf(word); at >= 0; at = at === 0 ? -1 : text.lastIndexOf(word, at - 1)) {
    const around = `${text[at - 1] ?? " "}${text[at + word.length] ?? " "}`;
    if (!/[\p{L}\p{N}]/u.test(around)) return at;
  }
  return -1;
}

/** In a context of its own, where a pattern that runs away can be stopped. */
function lastMatch(
  text: string,
  { pattern, flags = "", group = 1 }: Extract<Extractor, { kind: "regex" }>,
): string | null {
  sandbox ??= createContext({});
  Object.assign(sandbox, { text, pattern, flags: flags.includes("g") ? flags : `${flags}g`, group });
  try {
    const found: unknown = search.runInContext(sandbox, { timeout: regexTimeoutMs });
    return typeof found === "string" ? nonEmpty(canonicalText(found)) : null;
  } catch {
    return null;
  }
}

const search = /* @__PURE__ */ new Script(
  "{ const all = [...text.matchAll(new RegExp(pattern, flags))].at(-1); all === undefined ? null : (all[group] ?? all[0]); }",
);
let sandbox: Context | undefined;

function jsonAt(text: string, path: string): string | null {
  let value: unknown = jsonIn(text);
  for (const key of path.split(".").filter((part) => part !== "")) {
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return null;
    value = (value as Record<string, unknown>)[key];
  }
  if (value === undefined) return null;
  return typeof value === "string" ? nonEmpty(canonicalText(value)) : JSON.stringify(sorted(value));
}

/** The text itself, what stands in a fence, or what stands in the outermost braces. */
function jsonIn(text: string): unknown {
  const fenced = /```(?:json)?\s*([\s\S]*?)```/.exec(text)?.[1];
  const braced = /[{[][\s\S]*[}\]]/.exec(text)?.[0];
  for (const candidate of [text, fenced, braced])
    if (candidate !== undefined)
      try {
        return JSON.parse(candidate) as unknown;
      } catch {
        // The next place.
      }
  return undefined;
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value === "string") return value.trim();
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]));
}

function nonEmpty(text: string): string | null {
  return text === "" ? null : text;
}
