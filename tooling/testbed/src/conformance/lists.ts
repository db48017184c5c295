// The lists that change: a trigger adds an entry, the next one takes it away, so that a peer that compares sees a change.
import { prompts } from "./content.ts";
import { inputPrompt } from "./input-tools.ts";
import { tools } from "./tools.ts";

const toggled = { tools: false, prompts: false };

export function toggle(kind: "tools" | "prompts"): void {
  toggled[kind] = !toggled[kind];
}

export function listedTools() {
  const extra = {
    name: "test_toggled",
    description: "Comes and goes",
    inputSchema: { type: "object" as const },
  };
  return toggled.tools ? [...tools, extra] : tools;
}

export function listedPrompts() {
  const { name, description } = inputPrompt;
  const extra = { name: "test_toggled", description: "Comes and goes" };
  return [...prompts, { name, description }, ...(toggled.prompts ? [extra] : [])];
}
