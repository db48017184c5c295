// What cannot pass through the gateway, and why. An entry that is no longer needed fails the suite.
import type { Exception } from "./compare.ts";

const because = (why: string, checks: readonly string[]): readonly Exception[] =>
  checks.map((check) => ({ check, why }));

const noPolling = because(
  "a call on stdio, or to a modern server, has no stream that the server could end and its client come back to",
  ["server-sse-polling:*"],
);
const logsNameNoCall = because(
  "log messages on stdio belong to no call, so they only go to a client that has the process to itself",
  ["tools-call-with-logging:tools-call-with-logging"],
);
const noSharedQuestions = because(
  "a process that clients share is told of no client capabilities, so it cannot ask any of them",
  [
    "input-required-result-*",
    "server-stateless:sep-2575-server-rejects-undeclared-capability",
    "server-stateless:sep-2575-missing-capability-http-400",
  ],
);
const otherKeys = because(
  "the check wants the server's own key for a question, and questions of legacy servers have none",
  ["input-required-result-basic-elicitation:*", "input-required-result-ignore-extra-params:*"],
);

/** By run and pool. */
export const exceptions: Readonly<Record<string, readonly Exception[]>> = {
  "2025-11-25 / legacy-stdio-per-client": noPolling,
  "2025-11-25 / modern-http": noPolling,
  "2026-07-28 / legacy-http": otherKeys,
  "0.1.16 / modern-stdio": logsNameNoCall,
  "2025-11-25 / modern-stdio": [...noPolling, ...logsNameNoCall],
  "2026-07-28 / legacy-stdio": noSharedQuestions,
};
