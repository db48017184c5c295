export type { AnswerDelta, ToolCall, Usage } from "./client/answer.ts";
export type { CallSettings } from "./client/caller.ts";
export {
  type AnswerEvent,
  createLmStudioClient,
  type HostStatus,
  type LmStudioClient,
} from "./client/client.ts";
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
export type { Answer, AnswerWarning } from "./client/generate.ts";
export type { LoadedInstance, LoadResult, ModelInfo } from "./client/models.ts";
export type { LmStudioClientOptions, LmStudioHost } from "./client/options.ts";
export type { ChatMessage, ChatRequest, CompletionRequest } from "./client/requests.ts";
