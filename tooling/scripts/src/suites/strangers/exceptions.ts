// What servers do directly and not through the gateway, and why. An entry that is no longer needed fails the suite.
import type { Feature } from "./plan.ts";

interface StrangerException {
  readonly feature: Feature;
  /** Era of the client, era of the server. */
  readonly cells: readonly string[];
  readonly why: string;
}

export const exceptions: readonly StrangerException[] = [];
