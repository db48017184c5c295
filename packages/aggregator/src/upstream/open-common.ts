// What opening a process and opening a URL have in common.
import type { Era } from "../era.ts";
import type { Child } from "./child-process.ts";
import { ControlError } from "./control.ts";
import type { EraMemory } from "./era-detection.ts";
import { LEGACY_TARGET, modernTarget, type RequestTarget } from "./request-target.ts";
import type { OpenOptions } from "./target.ts";

/** Opens in an era, and remembers how it went. */
export async function confirmed<T>(memory: EraMemory, era: Era, open: (era: Era) => Promise<T>): Promise<T> {
  try {
    const result = await open(era);
    memory.confirm(era);
    return result;
  } catch (error) {
    memory.refute(era, error);
    throw error;
  }
}

export function targetOf(era: Era, { clientInfo }: OpenOptions): RequestTarget {
  return era === "modern" ? modernTarget(clientInfo) : LEGACY_TARGET;
}

/** The error, with what the process said last. */
export function withLastWords(error: unknown, child: Child): Error {
  const text = error instanceof Error ? error.message : String(error);
  const words = child.lastWords();
  if (words === undefined || text.includes(words)) return error instanceof Error ? error : new Error(text);
  const told = `${text}; its last words: ${words}`;
  return error instanceof ControlError ? new ControlError(told, error) : new Error(told, { cause: error });
}
