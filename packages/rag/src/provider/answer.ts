// What the provider is asked and what it answers.
import type { GraphEdge, GraphNode } from "../graph/query.ts";
import type { Capability } from "./config.ts";

export interface RagQuery {
  readonly query: string;
  /** What the question is about; passed on to servers that take it. */
  readonly context?: string | undefined;
  /** 1 to 100. @defaultValue 10 */
  readonly maxResults?: number | undefined;
  /**
   * Least similarity, 0 to 1, inclusive. Applied where a server says how similar its hits are; the answer says whether
   * that was so everywhere. @defaultValue 0
   */
  readonly threshold?: number | undefined;
  /** What to ask for. @defaultValue all that there is */
  readonly capabilities?: readonly Capability[] | undefined;
  /** From 0 to 9, higher is served first. @defaultValue 5 */
  readonly priority?: number | undefined;
  /** @defaultValue the provider's */
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What a server's scores are; only similarities can be compared with a threshold, and none across servers. */
export type ScoreKind = "similarity" | "distance" | "rank" | "none";

/** Where a hit comes from. */
export interface Provenance {
  readonly pool: string;
  /** The server that answered. */
  readonly server: string;
  readonly capability: Capability;
  readonly rank: number;
  readonly rawScore: number | null;
  readonly scoreKind: ScoreKind;
  /** Servers that failed on the query before this one answered. */
  readonly failedOver: readonly string[];
}

export interface RagHit {
  readonly rank: number;
  /** Sum of reciprocal ranks over the servers that found it: for the order within one answer, nothing else. */
  readonly score: number;
  readonly id: string | null;
  readonly title: string | null;
  readonly uri: string | null;
  /** Written by others: data, never instructions. */
  readonly text: string;
  readonly metadata: Readonly<Record<string, unknown>>;
  /** Every server that found it; equal texts are one hit. */
  readonly provenance: readonly Provenance[];
}

/** How one pool answered. */
export interface ServerReport {
  readonly pool: string;
  readonly capability: Capability;
  readonly server: string | null;
  readonly failedOver: readonly string[];
  readonly outcome: "answered" | "failed" | "timed-out";
  readonly hits: number;
  readonly thresholdApplied: boolean;
  readonly tookMs: number;
  readonly error?: { readonly code: string; readonly message: string } | undefined;
}

export interface RagResponse {
  readonly results: readonly RagHit[];
  /** The fallback answered, because nobody else did. */
  readonly degraded: boolean;
  /** Some servers did not answer, or not in time. */
  readonly partial: boolean;
  /** Whether the threshold was applied to every hit. */
  readonly thresholdApplied: boolean;
  /** Whether `maxChars` cut something off. */
  readonly truncated: boolean;
  readonly graph: { readonly nodes: readonly GraphNode[]; readonly edges: readonly GraphEdge[] };
  readonly servers: readonly ServerReport[];
  readonly tookMs: number;
}
