// The ledger: one line per thing that the fixture server really did, so that a test can tell how often a call
// was executed, whatever the client was told. Appends are synchronous: a line is there before the answer is.
import { appendFileSync, readFileSync } from "node:fs";

export type LedgerAction = "append" | "lookup" | "started" | "cancelled";

export interface LedgerEntry {
  readonly action: LedgerAction;
  readonly nonce: string;
  /** Process that executed it. */
  readonly pid: number;
}

export interface Ledger {
  readonly entries: readonly LedgerEntry[];
  /** Executions (`append` and `lookup`) per nonce; a nonce that was never executed is absent. */
  readonly counts: ReadonlyMap<string, number>;
  /** Nonces of the `slow` calls that reached the server. */
  readonly started: ReadonlySet<string>;
  /** Nonces of the calls whose cancellation reached the server. */
  readonly cancelled: ReadonlySet<string>;
}

/** Adds the line `<action> <nonce> pid=<pid>`; one `write` in append mode, so lines of several processes never mix. */
export function writeLedger(file: string, action: LedgerAction, nonce: string): void {
  appendFileSync(file, `${action} ${nonce.replaceAll(/\s/g, "_")} pid=${process.pid}\n`);
}

/** Reads a ledger; a file that does not exist yet is an empty one. */
export function readLedger(file: string): Ledger {
  const entries = readLines(file).map(parseLine);
  const counts = new Map<string, number>();
  const started = new Set<string>();
  const cancelled = new Set<string>();
  for (const { action, nonce } of entries) {
    if (action === "started") started.add(nonce);
    else if (action === "cancelled") cancelled.add(nonce);
    else counts.set(nonce, (counts.get(nonce) ?? 0) + 1);
  }
  return { entries, counts, started, cancelled };
}

function readLines(file: string): readonly string[] {
  try {
    return readFileSync(file, "utf8").split("\n").slice(0, -1);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENOENT") return [];
    throw error;
  }
}

function parseLine(line: string): LedgerEntry {
  const match = /^(append|lookup|started|cancelled) (\S+) pid=(\d+)$/.exec(line);
  if (match === null) throw new Error(`not a ledger line: "${line}"`);
  const [, action = "", nonce = "", pid = ""] = match;
  return { action: action as LedgerAction, nonce, pid: Number(pid) };
}
