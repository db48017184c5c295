// What cannot pass through the gateway, and why. An entry that is no longer needed fails the suite.
import type { Exception } from "./compare.ts";

const because = (why: string, checks: readonly string[]): readonly Exception[] =>
  checks.map((check) => ({ check, why }));

const notStreamed = because(
  "lists are answered from memory as plain JSON, and the check is about event streams only (INFO)",
  ["server-sse-multiple-streams:server-sse-streams-functional"],
);
const noQuestions = because(
  "upstream sessions are shared and declare no client capabilities, so servers cannot ask clients anything",
  [
    "tools-call-sampling:*",
    "tools-call-elicitation:*",
    "elicitation-sep1034-defaults:*",
    "elicitation-sep1330-enums:*",
  ],
);
const noInputRequired = because(
  "upstream sessions are shared and declare no client capabilities, so legacy servers cannot ask clients anything",
  [
    "input-required-result-*",
    "server-stateless:sep-2575-server-rejects-undeclared-capability",
    "server-stateless:sep-2575-missing-capability-http-400",
  ],
);
const notResumable = because("streams of the gateway cannot be resumed", ["server-sse-polling:*"]);
const logsNameNoCall = because(
  "log messages on stdio belong to no call, so they only go to a client that has the pool to itself",
  ["tools-call-with-logging:tools-call-with-logging"],
);

const legacyHttp0116 = [...notStreamed, ...noQuestions];
const legacyHttp2025 = [...legacyHttp0116, ...notResumable];

/** By run and pool. */
export const exceptions: Readonly<Record<string, readonly Exception[]>> = {
  "0.1.16 / legacy-http": legacyHttp0116,
  "2025-11-25 / legacy-http": legacyHttp2025,
  "0.1.16 / legacy-stdio": [...legacyHttp0116, ...logsNameNoCall],
  "2025-11-25 / legacy-stdio": [...legacyHttp2025, ...logsNameNoCall],
  "0.1.16 / modern-http": legacyHttp0116,
  "2025-11-25 / modern-http": legacyHttp2025,
  "2026-07-28 / legacy-http": noInputRequired,
  "0.1.16 / modern-stdio": [...legacyHttp0116, ...logsNameNoCall],
  "2025-11-25 / modern-stdio": [...legacyHttp2025, ...logsNameNoCall],
  "2026-07-28 / legacy-stdio": noInputRequired,
};
