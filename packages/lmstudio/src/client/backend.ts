// Which models a host is asked for, and whether an answer's model is the one that was meant.
import { canonicalName, sameModel } from "./model-names.ts";
import type { Backend } from "./wire/index.ts";

/** What OpenAI's and Anthropic's own servers are asked for when nothing else is said; `gpt-oss` runs at home. */
export const modelsOf: Readonly<Record<Backend, readonly string[] | undefined>> = {
  lmstudio: undefined,
  "openai-compatible": undefined,
  openai: [
    "gpt-3*",
    "gpt-4*",
    "gpt-5*",
    "chatgpt-*",
    "o1*",
    "o3*",
    "o4*",
    "text-embedding-3-*",
    "text-embedding-ada-*",
  ],
  anthropic: ["claude-*"],
};

/**
 * The hosts that are asked for a model: those that list it, and where none does, those that list nothing. So a prompt never
 * goes to a server for which its model was not listed.
 */
export function serving<T extends { readonly models: readonly string[] | undefined }>(
  hosts: readonly T[],
  model: string,
): readonly T[] {
  const listing = hosts.filter(({ models }) => models?.some((pattern) => matches(pattern, model)) === true);
  return listing.length > 0 ? listing : hosts.filter(({ models }) => models === undefined);
}

/** Cloud servers answer with the dated name of what was asked for (`gpt-4o` as `gpt-4o-2024-08-06`). */
export function isSameModel({ api }: { readonly api: Backend }, answered: string, asked: string): boolean {
  if (sameModel(answered, asked)) return true;
  if (api === "lmstudio") return false;
  const [left, right] = [canonicalName(answered), canonicalName(asked).replace(/-latest$/, "")];
  return left.startsWith(`${right}-`);
}

/** `*` stands for anything. */
function matches(pattern: string, model: string): boolean {
  const escaped = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`).replaceAll("*", ".*");
  return new RegExp(`^${escaped}$`, "i").test(model);
}
