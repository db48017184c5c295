export type { ChunkOptions } from "./chunk/chunk.ts";
export { createEmbedder, type Embedder, type EmbedderOptions, type EmbedOptions } from "./embed/embedder.ts";
export { RagError, type RagErrorCode, type RagErrorFacts } from "./errors.ts";
export { evaluate, type Judgements, type Metrics } from "./eval/metrics.ts";
export { createLlmExtractor, type GraphExtractor, type LlmExtractorOptions } from "./graph/extract.ts";
export type { GraphAnswer, GraphEdge, GraphNode, GraphQuery } from "./graph/query.ts";
export type { IngestOptions, IngestResult } from "./library/ingest.ts";
export { createLibrary, type Library, type LibraryOptions, type LibraryStatus } from "./library/library.ts";
export type { DocumentInput } from "./library/prepare.ts";
export type { ReembedOptions, ReembedResult } from "./library/reembed.ts";
export type { SearchAnswer, SearchHit, SearchQuery } from "./library/search.ts";
export { exportLines, importLines } from "./library/transfer.ts";
export { EnhancedMCPRAGProvider, MultiplexingConfigFactory, MultiplexingPreset } from "./multiplexing.ts";
export type {
  Provenance,
  RagHit,
  RagQuery,
  RagResponse,
  ScoreKind,
  ServerReport,
} from "./provider/answer.ts";
export {
  type Capability,
  createEnhancedMCPConfig,
  type RagProviderConfig,
  type RagServerConfig,
} from "./provider/config.ts";
export type { ProfileQuery, ServerProfile, ToolDescription, ToolUse } from "./provider/profile.ts";
export {
  createRagProvider,
  type PoolReport,
  type ProviderAnalytics,
  type ProviderHealth,
  type ProviderStatus,
  type RagProvider,
} from "./provider/provider.ts";
export type { FoundText } from "./provider/read-result.ts";
export { createReranker, type Reranker, type RerankerOptions } from "./rerank/reranker.ts";
export { type HttpFront, type HttpOptions, serveHttp } from "./server/http.ts";
export { createRagServer } from "./server/server.ts";
export type { FolderState, ServerLibrary } from "./server/server-library.ts";
export { type OpenStoreOptions, openStore } from "./store/open-store.ts";
export { openPostgresStore, type PostgresStoreOptions } from "./store/postgres/store.ts";
export { openSqliteStore, type SqliteStoreOptions } from "./store/sqlite/store.ts";
export type {
  ChunkRecord,
  DocumentGraph,
  DocumentInfo,
  EmbeddingSpace,
  EntityKey,
  EntityRecord,
  LexicalQuery,
  MetadataValue,
  PageQuery,
  PendingChunk,
  PutResult,
  RagStore,
  RelationQuery,
  RelationRecord,
  ScoredChunk,
  SearchFilter,
  StoreCounts,
  StoreDescription,
  StoredChunk,
  StoredDocument,
  StoredEntity,
  StoredRelation,
  VectorQuery,
} from "./store/store.ts";
export { type SyncOptions, type SyncResult, syncFolder } from "./sync/sync.ts";
export { type FolderWatch, type WatchOptions, watchFolder } from "./sync/watch.ts";
