// What cannot pass through the gateway, and why. An entry that is no longer needed fails the suite.
import type { Exception } from "./compare.ts";

const because = (why: string, checks: readonly string[]): readonly Exception[] =>
  checks.map((check) => ({ check, why }));

const notStreamed = because(
  "lists are answered from memory as plain JSON, and the check is about event streams only (INFO)",
  ["server-sse-multiple-streams:server-sse-streams-functional"],
);
const noQuestions = because(
  "the session with a process is shared by default and declares no client capabilities, so it cannot ask clients anything",
  [
    "tools-call-sampling:*",
    "tools-call-elicitation:*",
    "elicitation-sep1034-defaults:*",
    "elicitation-sep1330-enums:*",
  ],
);
const noInputRequired = because(
  "the session with a process is shared by default and declares no client capabilities, so it cannot ask clients anything",
  [
    "input-required-result-*",
    "server-stateless:sep-2575-server-rejects-undeclared-capability",
    "server-stateless:sep-2575-missing-capability-http-400",
  ],
);
const otherKeys = because(
  "the check wants the server's own key for a question, and questions of legacy servers have none",
  [
    "input-required-result-basic-elicitation:*",
    "input-required-result-ignore-extra-params:*",
    "input-required-result-missing-input-response:*",
  ],
);
const oneByOne = because("a legacy server asks one thing after the other, and the check wants all at once", [
  "input-required-result-multiple-input-requests:*",
]);
const notResumable = because(
  "where a server ends the stream of a call, the gateway reads on in its client's place, and answers in one piece",
  ["server-sse-polling:*"],
);
const logsNameNoCall = because(
  "log messages on stdio belong to no call, so they only go to a client that has the pool to itself",
  ["tools-call-with-logging:tools-call-with-logging"],
);

const legacy0116 = notStreamed;
const legacy2025 = [...notStreamed, ...notResumable];

/** By run and pool. */
export const exceptions: Readonly<Record<string, readonly Exception[]>> = {
  "0.1.16 / legacy-http": legacy0116,
  "2025-11-25 / legacy-http": legacy2025,
  "0.1.16 / legacy-stdio": [...legacy0116, ...noQuestions, ...logsNameNoCall],
  "2025-11-25 / legacy-stdio": [...legacy2025, ...noQuestions, ...logsNameNoCall],
  "0.1.16 / modern-http": legacy0116,
  "2025-11-25 / modern-http": legacy2025,
  "2026-07-28 / legacy-http": [...otherKeys, ...oneByOne],
  "0.1.16 / modern-stdio": [...legacy0116, ...logsNameNoCall],
  "2025-11-25 / modern-stdio": [...legacy2025, ...logsNameNoCall],
  "2026-07-28 / legacy-stdio": noInputRequired,
};
