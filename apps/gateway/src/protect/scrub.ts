// Takes secrets out of text that leaves the process: those that the configuration brought in, by their values, and what
// looks like one. Rules by field name miss secrets inside of messages and URLs.

export interface Scrubber {
  /** Values never to be shown; short ones are left out, because they would hit ordinary words. */
  readonly add: (values: Iterable<string>) => void;
  readonly scrub: (text: string) => string;
}

const REPLACEMENT = "[redacted]";
const MIN_LENGTH = 6;

const LOOKS_SECRET: readonly (readonly [RegExp, string])[] = [
  // Our own keys, and those of common providers.
  [/\b(?:flk_|sk-|ghp_|gho_|github_pat_|xox[abp]-|AKIA)[\w-]{8,}/g, REPLACEMENT],
  // A JSON web token.
  [/\beyJ[\w-]{6,}\.[\w-]{6,}\.[\w-]*/g, REPLACEMENT],
  [/\b(bearer|basic)(\s+)[\w~+/.=-]{8,}/gi, `$1$2${REPLACEMENT}`],
  // Credentials in a URL.
  [/(\b[a-z][a-z0-9+.-]{1,15}:\/\/)[^\s/@:"']{1,256}:[^\s/@"']{1,256}@/gi, `$1${REPLACEMENT}@`],
  // `password=…` in prose and in JSON.
  [
    /\b(api[_-]?key|access[_-]?token|client[_-]?secret|password|passwd|secret)(\\?["']?\s{0,3}[=:]\s{0,3}\\?["']?)[^\s"'&,;}\\[]{4,}/gi,
    `$1$2${REPLACEMENT}`,
  ],
];

export function createScrubber(): Scrubber {
  const values = new Set<string>();
  /** Longest first: one secret may be part of another. */
  let ordered: readonly string[] = [];

  return {
    add(more) {
      for (const value of more) {
        if (value.length < MIN_LENGTH) continue;
        values.add(value);
        // As it stands inside of JSON, of a URL, and of a basic-auth header.
        values.add(JSON.stringify(value).slice(1, -1));
        values.add(encodeURIComponent(value));
        values.add(Buffer.from(value).toString("base64"));
      }
      ordered = [...values].sort((a, b) => b.length - a.length);
    },
    scrub(text) {
      let clean = text;
      for (const value of ordered) {
        if (clean.includes(value)) clean = clean.replaceAll(value, REPLACEMENT);
      }
      for (const [pattern, replacement] of LOOKS_SECRET) clean = clean.replace(pattern, replacement);
      return clean;
    },
  };
}
