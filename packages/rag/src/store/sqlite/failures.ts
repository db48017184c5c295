// What SQLite's error codes mean for somebody who uses the store.
import { RagError, type RagErrorCode } from "../../errors.ts";
import type { Failure } from "../../threads/failure.ts";
import type { EngineOptions } from "./engine.ts";

/** Primary result codes of SQLite (https://sqlite.org/rescode.html). */
const MEANING: Readonly<Record<number, { readonly code: RagErrorCode; readonly advice: string }>> = {
  5: {
    code: "STORE_BUSY",
    advice: "Another process has held the file for two minutes; look for one that hangs.",
  },
  8: { code: "STORE_OPEN_FAILED", advice: "The file, or its folder, may not be written by this user." },
  10: {
    code: "STORE_FULL",
    advice: "The disk refused a write; free space or check it. Nothing was half written.",
  },
  11: { code: "STORE_FAILED", advice: "The file is damaged: restore a copy, or delete it and ingest again." },
  13: { code: "STORE_FULL", advice: "Free space on the disk and try again; what was committed is safe." },
  14: { code: "STORE_OPEN_FAILED", advice: "The file cannot be opened: check the path and its permissions." },
  26: { code: "STORE_OPEN_FAILED", advice: "The file is no SQLite database: choose another path." },
};

/** An error as it crosses to the main thread. */
export function describeFailure(error: unknown, { path }: EngineOptions): Failure {
  if (error instanceof RagError) return { code: error.code, message: error.message, facts: error.facts };
  const message = error instanceof Error ? error.message : String(error);
  const sqlite = (error as { readonly errcode?: unknown }).errcode;
  const known = typeof sqlite === "number" ? MEANING[sqlite & 0xff] : undefined;
  return {
    code: known?.code ?? "STORE_FAILED",
    message: `SQLite store ${path}: ${message}.${known === undefined ? "" : ` ${known.advice}`}`,
    facts: { path, ...(typeof sqlite === "number" ? { sqliteCode: sqlite } : {}) },
  };
}
