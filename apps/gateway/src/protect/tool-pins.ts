// What a tool says about itself is what a model believes: a definition that changes after it was looked at (a rug pull) is
// noticed by its hash. Trust belongs to the content, not to the name (CVE-2025-54136).
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { rename, writeFile } from "node:fs/promises";
import type { OfferedTool } from "@fairlead/aggregator";
import { suspicionsOf } from "./tool-lint.ts";

export type PinPolicy = "off" | "warn" | "quarantine" | "block";

export interface ToolDrift {
  readonly pool: string;
  readonly tool: string;
  readonly pinned: string;
  readonly current: string;
  /** Whether the tool is hidden now. */
  readonly isHidden: boolean;
}

interface ToolSuspicion {
  readonly pool: string;
  readonly tool: string;
  readonly reasons: readonly string[];
}

interface PinReport {
  readonly pool: string;
  readonly tool: string;
  readonly pinned: string;
  readonly current: string;
  readonly state: "pinned" | "changed" | "hidden";
  readonly suspicions: readonly string[];
}

export interface ToolPins {
  /** Whether a tool is offered; the first sight of it is its pin. */
  readonly offers: (tool: OfferedTool) => boolean;
  /** Takes the present definitions of a pool's changed tools (or of one) as the right ones; returns how many. */
  approve(pool: string, tool?: string): number;
  list(): readonly PinReport[];
  configure(policy: PinPolicy): void;
}

export interface ToolPinsOptions {
  readonly policy: PinPolicy;
  /** Keeps the pins across restarts. @defaultValue only in memory */
  readonly file?: string | undefined;
  readonly onDrift: (drift: ToolDrift) => void;
  readonly onSuspicion: (suspicion: ToolSuspicion) => void;
  readonly onProblem: (error: unknown) => void;
}

interface Pin {
  readonly pool: string;
  readonly tool: string;
  hash: string;
  current: string;
  /** The change that was told last, so that each is told once. */
  told: string | undefined;
  suspicions: readonly string[];
}

/** What counts: what a model reads, and how the tool is called. */
const FIELDS = ["name", "title", "description", "inputSchema", "outputSchema", "annotations"] as const;
const MAX_PINS = 20_000;

export function createToolPins({
  policy: initial,
  file,
  onDrift,
  onSuspicion,
  onProblem,
}: ToolPinsOptions): ToolPins {
  let policy = initial;
  const pins = new Map<string, Pin>();
  /** Definitions are the same buffers until a server is listed anew. */
  const hashes = new WeakMap<Buffer, string>();
  let writing: Promise<void> = Promise.resolve();
  let planned = false;
  if (file !== undefined) read(file);

  return {
    offers({ pool, name, definition }) {
      if (policy === "off") return true;
      const known = hashes.get(definition);
      const hash = known ?? hashOf(definition);
      if (known === undefined) hashes.set(definition, hash);
      const key = JSON.stringify([pool, name]);
      const pin = pins.get(key);
      if (pin === undefined) {
        if (pins.size >= MAX_PINS) return true;
        pins.set(key, {
          pool,
          tool: name,
          hash,
          current: hash,
          told: undefined,
          suspicions: lint(pool, name, definition),
        });
        save();
        return true;
      }
      if (pin.current !== hash) pin.suspicions = lint(pool, name, definition);
      pin.current = hash;
      if (hash === pin.hash) return true;
      const isHidden = policy !== "warn";
      if (pin.told !== hash) {
        pin.told = hash;
        onDrift({ pool, tool: name, pinned: pin.hash, current: hash, isHidden });
      }
      return !isHidden;
    },
    approve(pool, tool) {
      // What is blocked stays so: only a new pin file, or another policy, brings it back.
      if (policy === "block") return 0;
      let approved = 0;
      for (const pin of pins.values()) {
        if (pin.pool !== pool || (tool !== undefined && pin.tool !== tool) || pin.hash === pin.current)
          continue;
        pin.hash = pin.current;
        pin.told = undefined;
        approved++;
      }
      if (approved > 0) save();
      return approved;
    },
    list: () =>
      [...pins.values()].map(({ pool, tool, hash, current, suspicions }) => ({
        pool,
        tool,
        pinned: hash,
        current,
        state:
          hash === current ? "pinned" : policy === "quarantine" || policy === "block" ? "hidden" : "changed",
        suspicions,
      })),
    configure(next) {
      policy = next;
    },
  };

  function lint(pool: string, tool: string, definition: Buffer): readonly string[] {
    const reasons = suspicionsOf(definition);
    if (reasons.length > 0) onSuspicion({ pool, tool, reasons });
    return reasons;
  }

  function read(path: string): void {
    try {
      const kept = JSON.parse(readFileSync(path, "utf8")) as Record<string, Record<string, string>>;
      for (const [pool, tools] of Object.entries(kept))
        for (const [tool, hash] of Object.entries(tools)) {
          const key = JSON.stringify([pool, tool]);
          pins.set(key, {
            pool,
            tool,
            hash: String(hash),
            current: String(hash),
            told: undefined,
            suspicions: [],
          });
        }
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") onProblem(error);
    }
  }

  /** Soon, once for many changes; a file that is replaced in one step is never half. */
  function save(): void {
    if (file === undefined || planned) return;
    planned = true;
    writing = writing.then(async () => {
      planned = false;
      const kept: Record<string, Record<string, string>> = {};
      for (const { pool, tool, hash } of pins.values()) kept[pool] = { ...kept[pool], [tool]: hash };
      try {
        const draft = `${file}.tmp`;
        await writeFile(draft, `${JSON.stringify(kept, null, 2)}\n`, { mode: 0o600, flush: true });
        await rename(draft, file);
      } catch (error) {
        onProblem(error);
      }
    });
  }
}

/** SHA-256 of the canonical form: keys in order, so that a server that only prints them otherwise has changed nothing. */
export function hashOf(definition: Buffer): string {
  const tool = JSON.parse(definition.toString("utf8")) as Readonly<Record<string, unknown>>;
  const relevant = Object.fromEntries(FIELDS.map((field) => [field, tool[field]]));
  return createHash("sha256")
    .update(JSON.stringify(canonical(relevant)))
    .digest("hex");
}

function canonical(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(canonical);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, field]) => [key, canonical(field)]),
  );
}
