// From a question in words to the terms that are looked up. Measured on three public collections: any term may match
// (OR), stop words go, repeated terms stay, since what is said twice counts twice.

/** How text is cut into terms: fixed when a store is created. */
export type Language = "english" | "simple" | "trigram";

const MAX_TERMS = 64;

/** The terms to look up, at most 64; stop words only where nothing else is left. */
export function termsOf(text: string, language: Language): readonly string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? [];
  if (language === "trigram") return words.filter((word) => word.length >= 3).slice(0, MAX_TERMS);
  const kept = language === "english" ? words.filter((word) => !ENGLISH_STOP_WORDS.has(word)) : words;
  return (kept.length > 0 ? kept : words).slice(0, MAX_TERMS);
}

/**
 * A text as the words that FTS5's `unicode61 remove_diacritics` finds in it, with blanks between: given to Postgres's parser,
 * which would otherwise see URLs, paths and compounds where there are words, both stores index the same.
 */
export function wordsOf(text: string): string {
  const folded = text
    .normalize("NFD")
    .replace(/[\u0300-\u036f]/g, "")
    .normalize("NFC");
  return (folded.match(/[\p{L}\p{N}\p{M}\p{Co}]+/gu) ?? []).join(" ");
}

// The list of the Snowball project, which Postgres's english configuration drops as well.
const ENGLISH_STOP_WORDS: ReadonlySet<string> = new Set(
  `i me my myself we our ours ourselves you your yours yourself yourselves he him his himself she her hers herself it its
  itself they them their theirs themselves what which who whom this that these those am is are was were be been being have
  has had having do does did doing a an the and but if or because as until while of at by for with about against between
  into through during before after above below to from up down in out on off over under again further then once here there
  when where why how all any both each few more most other some such no nor not only own same so than too very s t can will
  just don should now`.split(/\s+/),
);
