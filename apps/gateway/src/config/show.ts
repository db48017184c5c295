// The configuration as an operator may see it: as the file has it, references unresolved, literal secrets blanked.
import type { LoadedConfig } from "./load.ts";
import { isReference, isSecretField } from "./references.ts";

const HIDDEN = "[redacted]";

export function showConfig({ source, secrets }: LoadedConfig): Record<string, unknown> {
  return hide(source.value, undefined, secrets) as Record<string, unknown>;
}

function hide(value: unknown, key: string | undefined, secrets: ReadonlySet<string>): unknown {
  if (typeof value === "string") {
    if (isReference(value)) return value;
    return isSecretField(key) || secrets.has(value) ? HIDDEN : withoutCredentials(value);
  }
  if (Array.isArray(value)) return value.map((element) => hide(element, key, secrets));
  if (typeof value !== "object" || value === null) return typeof value === "function" ? "[function]" : value;
  return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, hide(field, name, secrets)]));
}

function withoutCredentials(text: string): string {
  return text.replace(/(:\/\/)[^\s/@]+:[^\s/@]+@/, `$1${HIDDEN}@`);
}
