// What the tools take and give, as they are on the wire.
import type { Extractor } from "../multi-agent/extract.ts";
import type { Price, Strategy } from "../multi-agent/request.ts";

export interface ErrorOutput {
  readonly code: string;
  readonly message: string;
  readonly host?: string | undefined;
  readonly model?: string | undefined;
  readonly attempts?: number | undefined;
  readonly retry_after_ms?: number | undefined;
}

interface UsageOutput {
  readonly prompt_tokens: number;
  readonly completion_tokens: number;
  readonly reasoning_tokens: number;
}

export interface HealthOutput {
  readonly ok: boolean;
  readonly hosts: {
    readonly name: string;
    readonly api: string;
    readonly url: string;
    readonly reachable: boolean;
    readonly latency_ms?: number | undefined;
    readonly loaded: string[];
    readonly circuit: string;
    readonly in_flight: number;
    readonly waiting: number;
    readonly error?: ErrorOutput | undefined;
  }[];
}

export interface ModelsInput {
  readonly host?: string | undefined;
}

export interface ModelsOutput {
  readonly ok: boolean;
  readonly models: {
    readonly key: string;
    readonly host: string;
    readonly type: string;
    readonly loaded?: boolean | undefined;
    readonly context_length?: number | undefined;
    readonly max_context_length?: number | undefined;
    readonly parallel?: number | undefined;
    readonly vision?: boolean | undefined;
  }[];
  readonly errors: ErrorOutput[];
}

export interface CurrentOutput {
  readonly ok: boolean;
  readonly model?: string | undefined;
  readonly host?: string | undefined;
  readonly context_length?: number | undefined;
  readonly parallel?: number | undefined;
  readonly error?: ErrorOutput | undefined;
}

export interface ChatInput {
  readonly prompt: string;
  readonly model?: string | undefined;
  readonly temperature?: number | undefined;
  readonly max_tokens?: number | undefined;
  readonly system?: string | undefined;
  readonly task?: string | undefined;
  readonly host?: string | undefined;
  readonly images?: string[] | undefined;
  readonly json_schema?: Record<string, unknown> | undefined;
  readonly reasoning?: "off" | "on" | "low" | "medium" | "high" | undefined;
  readonly timeout_seconds?: number | undefined;
}

export interface ChatOutput {
  readonly ok: boolean;
  readonly partial: boolean;
  readonly text: string;
  readonly json?: unknown;
  readonly reasoning?: string | undefined;
  readonly model?: string | undefined;
  readonly host?: string | undefined;
  readonly finish_reason?: string | undefined;
  readonly usage?: UsageOutput | undefined;
  readonly queue_ms?: number | undefined;
  readonly load_ms?: number | undefined;
  readonly duration_ms?: number | undefined;
  readonly attempts?: number | undefined;
  readonly warnings?: string[] | undefined;
  readonly error?: ErrorOutput | undefined;
}

export interface SeatInput {
  readonly model: string;
  readonly count?: number | undefined;
  readonly weight?: number | undefined;
  readonly accuracy?: number | undefined;
  readonly host?: string | undefined;
  readonly temperature?: number | undefined;
  readonly max_tokens?: number | undefined;
  readonly system?: string | undefined;
}

type Loose<T> = T extends unknown
  ? { [K in keyof T]: undefined extends T[K] ? T[K] | undefined : T[K] }
  : never;

export interface MultiAgentInput {
  readonly prompt: string;
  readonly models?: (string | SeatInput)[] | undefined;
  readonly temperature?: number | undefined;
  readonly max_tokens?: number | undefined;
  readonly system?: string | undefined;
  readonly task?: string | undefined;
  readonly strategy?: Strategy | undefined;
  readonly k?: number | undefined;
  readonly min_success?: number | undefined;
  readonly max_concurrent?: number | undefined;
  readonly extractor?: Loose<Extractor> | undefined;
  readonly tie?: "abstain" | "first" | "heaviest" | undefined;
  readonly judge?: string | undefined;
  readonly judge_rounds?: number | undefined;
  readonly max_total_tokens?: number | undefined;
  readonly max_cost?: number | undefined;
  readonly prices?: Record<string, Price> | undefined;
  readonly model_timeout_seconds?: number | undefined;
  readonly timeout_seconds?: number | undefined;
  readonly seed?: number | undefined;
}

export interface MemberOutput {
  readonly seat: number;
  readonly model: string;
  readonly host?: string | undefined;
  readonly status: string;
  readonly text?: string | undefined;
  readonly value: string | null;
  readonly weight: number;
  readonly score?: number | undefined;
  readonly latency_ms: number;
  readonly queue_ms?: number | undefined;
  readonly load_ms?: number | undefined;
  readonly usage?: UsageOutput | undefined;
  readonly cost: number;
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly warnings: string[];
}

export interface MultiAgentOutput {
  readonly ok: boolean;
  readonly strategy?: string | undefined;
  readonly answer: string | null;
  readonly agreement?: number | undefined;
  readonly tied?: boolean | undefined;
  readonly partial: boolean;
  readonly votes?:
    | { readonly value: string; readonly weight: number; readonly members: number[] }[]
    | undefined;
  readonly members: MemberOutput[];
  readonly judge?:
    | {
        readonly model: string;
        readonly status: string;
        readonly picks: number[];
        readonly reason?: string | undefined;
        readonly code?: string | undefined;
      }
    | undefined;
  readonly totals?:
    | {
        readonly succeeded: number;
        readonly failed: number;
        readonly prompt_tokens: number;
        readonly completion_tokens: number;
        readonly cost: number;
        readonly elapsed_ms: number;
      }
    | undefined;
  readonly error?: ErrorOutput | undefined;
}
