// Which files are read, and as what. Everything ends as text that is chunked as Markdown, plain text or code.
import { extname } from "node:path";
import type { TextFormat } from "../chunk/chunk.ts";

export interface FileFormat {
  readonly mimeType: string;
  /** How it is turned into text. */
  readonly parser: "text" | "html" | "pdf" | "docx";
  readonly format: TextFormat;
}

const text = (mimeType: string, format: TextFormat): FileFormat => ({ mimeType, parser: "text", format });
const code = (mimeType: string): FileFormat => text(mimeType, "code");

const FORMATS: Readonly<Record<string, FileFormat>> = {
  ".md": text("text/markdown", "markdown"),
  ".mdx": text("text/markdown", "markdown"),
  ".markdown": text("text/markdown", "markdown"),
  ".txt": text("text/plain", "text"),
  ".text": text("text/plain", "text"),
  ".log": text("text/plain", "text"),
  ".rst": text("text/x-rst", "text"),
  ".adoc": text("text/asciidoc", "text"),
  ".tex": text("text/x-tex", "text"),
  ".csv": text("text/csv", "text"),
  ".html": { mimeType: "text/html", parser: "html", format: "markdown" },
  ".htm": { mimeType: "text/html", parser: "html", format: "markdown" },
  ".pdf": { mimeType: "application/pdf", parser: "pdf", format: "markdown" },
  ".docx": {
    mimeType: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    parser: "docx",
    format: "markdown",
  },
  ...Object.fromEntries(
    Object.entries({
      "text/javascript": ".js .mjs .cjs .jsx",
      "text/typescript": ".ts .mts .cts .tsx",
      "text/x-python": ".py .pyi",
      "text/x-java": ".java .kt .kts .scala .groovy",
      "text/x-c": ".c .h .cc .cpp .cxx .hpp .hh .m .mm",
      "text/x-csharp": ".cs .fs .vb",
      "text/x-go": ".go",
      "text/x-rust": ".rs",
      "text/x-ruby": ".rb",
      "text/x-php": ".php",
      "text/x-swift": ".swift",
      "text/x-lua": ".lua",
      "text/x-shellscript": ".sh .bash .zsh .fish .ps1",
      "text/x-sql": ".sql",
      "text/css": ".css .scss .less",
      "application/json": ".json .jsonc .jsonl",
      "application/yaml": ".yaml .yml",
      "application/toml": ".toml .ini .cfg .conf",
      "application/xml": ".xml",
      "text/x-elixir": ".ex .exs .erl",
      "text/x-haskell": ".hs .ml .clj .r .jl .dart .zig .nim",
      "text/x-proto": ".proto .graphql",
    }).flatMap(([mimeType, extensions]) =>
      extensions.split(" ").map((extension) => [extension, code(mimeType)]),
    ),
  ),
};

/** The format of a file by its extension; undefined for files that are not read. */
export function formatOfFile(path: string): FileFormat | undefined {
  return FORMATS[extname(path).toLowerCase()];
}

/** The format of a text that somebody hands over, by its MIME type; unknown ones are read as plain text. */
export function formatOfMimeType(mimeType: string): FileFormat {
  const [essence = ""] = mimeType.toLowerCase().split(";");
  const known = Object.values(FORMATS).find((format) => format.mimeType === essence.trim());
  return known ?? text(mimeType, "text");
}
