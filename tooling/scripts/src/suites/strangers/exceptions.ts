// What servers do directly and not through the gateway, and why. An entry that is no longer needed fails the suite.
import type { Feature } from "./plan.ts";

interface StrangerException {
  readonly feature: Feature;
  /** Era of the client, era of the server. */
  readonly cells: readonly string[];
  readonly why: string;
}

export const exceptions: readonly StrangerException[] = [
  {
    feature: "ask",
    cells: ["legacy to legacy", "legacy to modern", "modern to legacy"],
    why: "upstream sessions are shared and declare no client capabilities, so servers cannot ask clients anything",
  },
];
