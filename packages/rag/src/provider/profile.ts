// How a kind of server is spoken to: which tool, which arguments, and what its scores mean.
import type { ScoreKind } from "./answer.ts";
import type { Capability } from "./config.ts";
import type { FoundText } from "./read-result.ts";

/** A query with its defaults filled in, as profiles see it. */
export interface ProfileQuery {
  readonly query: string;
  readonly maxResults: number;
  readonly threshold: number;
  readonly context: string;
  /** From the server's configuration. */
  readonly collection: string | undefined;
}

/** A tool, as `tools/list` describes it. */
export interface ToolDescription {
  readonly name: string;
  readonly inputSchema?: { readonly properties?: Readonly<Record<string, unknown>> | undefined } | undefined;
}

export interface ToolUse {
  readonly tool: string;
  /** Arguments of the call, or of several whose hits are put together in order. */
  arguments(
    query: ProfileQuery,
  ): Readonly<Record<string, unknown>> | readonly Readonly<Record<string, unknown>>[];
  readonly scoreKind: ScoreKind;
  /** Reads the result where the general way would not do. */
  read?(value: unknown): readonly FoundText[] | undefined;
}

export interface ServerProfile {
  readonly name: string;
  readonly uses: Readonly<Partial<Record<Capability, ToolUse>>>;
}
