// What cannot pass through the gateway, and why. An entry that is no longer needed fails the suite.
import type { Exception } from "./compare.ts";

const because = (why: string, checks: readonly string[]): readonly Exception[] =>
  checks.map((check) => ({ check, why }));

const notStreamed = because(
  "lists are answered from memory as plain JSON, and the check is about event streams only (INFO)",
  ["server-sse-multiple-streams:server-sse-streams-functional"],
);
const notResumable = because(
  "where a server ends the stream of a call, the gateway reads on in its client's place, and answers in one piece",
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
const oneByOne = because("a legacy server asks one thing after the other, and the check wants all at once", [
  "input-required-result-multiple-input-requests:*",
]);

const legacyClients = [...notStreamed];
const legacyClients2025 = [...notStreamed, ...notResumable];

/** By run and pool. */
export const exceptions: Readonly<Record<string, readonly Exception[]>> = {
  "0.1.16 / legacy-http": legacyClients,
  "2025-11-25 / legacy-http": legacyClients2025,
  "0.1.16 / legacy-stdio-per-client": legacyClients,
  "2025-11-25 / legacy-stdio-per-client": legacyClients2025,
  "0.1.16 / modern-http": legacyClients,
  "2025-11-25 / modern-http": legacyClients2025,
  "2026-07-28 / legacy-http": [...otherKeys, ...oneByOne],
  "0.1.16 / modern-stdio": [...legacyClients, ...logsNameNoCall],
  "2025-11-25 / modern-stdio": [...legacyClients2025, ...logsNameNoCall],
  "2026-07-28 / legacy-stdio": noSharedQuestions,
};
