export type { CallSettings } from "./client/caller.ts";
export {
  createLmStudioClient,
  type HostStatus,
  type LmStudioClient,
} from "./client/client.ts";
export type { DownloadProgress, DownloadRequest, DownloadResult } from "./client/download.ts";
export type { EmbeddingRequest } from "./client/embed.ts";
export { optionsFromEnvironment } from "./client/environment.ts";
export {
  ContextOverflowError,
  type EmptyReason,
  EmptyResponseError,
  type ErrorFacts,
  LmStudioError,
  type LmStudioErrorCode,
  ModelSubstitutedError,
} from "./client/errors.ts";
export type { LmStudioEvent } from "./client/events.ts";
export type { Answer, AnswerEvent, AnswerTimings, AnswerWarning } from "./client/generate.ts";
export type { HostStats } from "./client/host-stats.ts";
export type { LlmRequestOptions } from "./client/llm-request.ts";
export type { LoadRequest, LoadResult } from "./client/loader.ts";
export type { LoadedInstance, ModelInfo } from "./client/models.ts";
export type { LmStudioClientOptions, LmStudioHost } from "./client/options.ts";
export type { AnswerDelta, HostProgress, ToolCall, Usage } from "./client/parts.ts";
export type { ChatMessage, ChatRequest, CompletionRequest } from "./client/requests.ts";
export type { Backend } from "./client/wire/index.ts";
export type { Extractor } from "./multi-agent/extract.ts";
export { multiAgentQuery } from "./multi-agent/query.ts";
export type {
  Budget,
  MultiAgentRequest,
  PanelProgress,
  Price,
  Seat,
  Strategy,
} from "./multi-agent/request.ts";
export {
  type JudgeReport,
  type MemberRow,
  type MemberStatus,
  MultiAgentError,
  type MultiAgentResult,
} from "./multi-agent/result.ts";
export { parseTaskRoutes, routeTask, type TaskRoute } from "./multi-agent/task-routes.ts";
export type { ValueVotes } from "./multi-agent/vote.ts";
