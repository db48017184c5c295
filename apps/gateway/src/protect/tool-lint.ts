// What in a tool's definition looks as if it were meant for the model and not for people (tool poisoning). It finds the known
// tricks; that it finds nothing proves nothing.

const MAX_DESCRIPTION = 8_192;
const MAX_DEPTH = 48;

const PATTERNS: readonly (readonly [RegExp, string])[] = [
  [/[\u{E0000}-\u{E007F}]/u, "invisible tag characters"],
  [/[\u202A-\u202E\u2066-\u2069]/u, "characters that turn the direction of text"],
  [/[\u200B-\u200D\u2060\uFEFF]{2}|[\u200B\u2060\uFEFF]/u, "zero-width characters"],
  [/[^\P{Cc}\t\n\r]/u, "control characters"],
  [/<\s{0,3}(important|system|secret|instructions?|hidden)\s{0,3}>/i, "a tag that speaks to the model"],
  [
    /\b(ignore|disregard|forget)\b.{0,40}\b(previous|prior|above|earlier|all)\b.{0,40}\b(instructions?|rules|messages|prompts?)\b/is,
    "an order to ignore instructions",
  ],
  [
    /\b(do not|don't|never)\b.{0,30}\b(tell|mention|inform|reveal|show)\b.{0,40}\b(user|human|person)\b/is,
    "an order to keep something from the user",
  ],
  [
    /(~|\/home\/[^/\s]+|\/root)?\/?\.(ssh|aws|gnupg|kube)\b|\bid_rsa\b|\/etc\/passwd/i,
    "a path to credentials",
  ],
  [/!\[[^\]]{0,200}\]\(https?:/i, "an image that is fetched from elsewhere"],
];

/** Reasons to look at a definition; none for most. */
export function suspicionsOf(definition: Buffer): readonly string[] {
  const tool = JSON.parse(definition.toString("utf8")) as Readonly<Record<string, unknown>>;
  const found = new Set<string>();
  const { description, name } = tool;
  if (typeof description === "string" && description.length > MAX_DESCRIPTION)
    found.add(`a description of ${description.length} characters`);
  // Letters of other scripts that look like these: a name that only seems to be another's.
  if (typeof name === "string" && /[^\x20-\x7E]/.test(name))
    found.add("a name with letters that only look familiar");
  look(tool, 0);
  return [...found];

  function look(value: unknown, depth: number): void {
    if (depth > MAX_DEPTH) {
      found.add(`a definition nested deeper than ${MAX_DEPTH}`);
      return;
    }
    if (typeof value === "string") {
      for (const [pattern, reason] of PATTERNS) if (pattern.test(value)) found.add(reason);
    } else if (typeof value === "object" && value !== null) {
      for (const [key, field] of Object.entries(value)) {
        if (key === "$ref" && typeof field === "string" && /^[a-z][a-z0-9+.-]*:/i.test(field))
          found.add("a schema that refers to another place");
        look(field, depth + 1);
      }
    }
  }
}
