// Work that nobody waits for should not take the core from work that somebody waits for.
import { readlinkSync } from "node:fs";
import { setPriority } from "node:os";

const NICENESS = 5;

/** Lowers the priority of this thread, and of those that it starts from now on. Only Linux has priorities of threads. */
export function yieldToSearches(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(Number(readlinkSync("/proc/thread-self").split("/").at(-1)), NICENESS);
  } catch {
    // Where it is not allowed, all threads are equal.
  }
}
