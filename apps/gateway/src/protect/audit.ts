// The audit log: one JSON line per call and per change, never sampled, with a chain of hashes so that a line that was taken
// out or altered shows. What a call said is written as its hash.
import { createHash } from "node:crypto";
import { createWriteStream, type WriteStream } from "node:fs";
import type { GateRequest, RequestWatch } from "@fairlead/aggregator";
import { type Clock, systemClock } from "@fairlead/core";
import type { AdminChange } from "../admin/api.ts";

export interface AuditOptions {
  /** Path of the file, or `-` for stdout. */
  readonly file: string;
  readonly calls: boolean;
  /** Told once per failure; the service goes on without the log, and the log goes on when it can. */
  readonly onProblem: (error: unknown) => void;
  readonly scrub: (text: string) => string;
  readonly clock?: Clock;
}

export interface Audit {
  observe(request: GateRequest): RequestWatch | undefined;
  change(change: AdminChange): void;
  note(type: string, facts: Readonly<Record<string, unknown>>): void;
  close(): Promise<void>;
}

/** After a failed write, such as on a full disk, the file is opened again after this long, in milliseconds. */
const REOPEN_MS = 5_000;
const CALLS: ReadonlySet<string> = new Set(["tools/call", "prompts/get", "resources/read"]);

export function createAudit({ file, calls, onProblem, scrub, clock = systemClock }: AuditOptions): Audit {
  let stream: WriteStream | undefined;
  let failedAt = Number.NEGATIVE_INFINITY;
  let chain = "";
  let lost = 0;

  return {
    observe({ caller, method, name, params }) {
      if (!calls || !CALLS.has(method)) return undefined;
      const startedAt = clock.now();
      const argumentsSha256 = params === undefined ? null : createHash("sha256").update(params).digest("hex");
      return {
        onEnd({ outcome, code, upstream, attempts }) {
          write("call", {
            client: caller.id,
            method,
            name: name ?? null,
            paramsSha256: argumentsSha256,
            outcome,
            code: code ?? null,
            upstream: upstream ?? null,
            attempts,
            durationMs: Math.round(clock.now() - startedAt),
          });
        },
      };
    },
    change: (change) => write("change", { ...change }),
    note: write,
    async close() {
      const open = stream;
      stream = undefined;
      if (open !== undefined) await new Promise<void>((resolve) => open.end(resolve));
    },
  };

  function write(type: string, facts: Readonly<Record<string, unknown>>): void {
    const missing = lost === 0 ? {} : { lostBefore: lost };
    const entry = { at: new Date().toISOString(), type, ...facts, ...missing, previous: chain };
    const line = scrub(JSON.stringify(entry));
    if (file === "-") {
      process.stdout.write(`${line}\n`);
    } else {
      const target = opened();
      if (target === undefined) {
        lost++;
        return;
      }
      target.write(`${line}\n`);
    }
    lost = 0;
    chain = createHash("sha256").update(line).digest("hex").slice(0, 32);
  }

  /** A stream that failed once stays dead, also when there is room again. */
  function opened(): WriteStream | undefined {
    if (stream !== undefined && !stream.destroyed) return stream;
    if (clock.now() - failedAt < REOPEN_MS) return undefined;
    const created = createWriteStream(file, { flags: "a", mode: 0o600 });
    created.on("error", (error) => {
      failedAt = clock.now();
      onProblem(error);
    });
    stream = created;
    return created;
  }
}
