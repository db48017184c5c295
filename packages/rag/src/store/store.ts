// What a store must do, whatever it is made of. The contract suite in `test/store-contract.ts` says the same in tests.
// A store keeps documents, their chunks, vectors in spaces, and a graph; it chunks, embeds and fuses nothing.

/** A scalar that a document's metadata may hold; filters compare them with `=`. */
export type MetadataValue = string | number | boolean;

/** A part of a document that is searched and shown as one. */
export interface StoredChunk {
  /** Headings above it, outermost first, joined with " > "; empty without any. Searched like the text. */
  readonly heading: string;
  readonly text: string;
  /** Of heading and text: equal ones have equal vectors. */
  readonly hash: string;
  /** Offsets into the document's text, in UTF-16 code units; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
}

/** An entity of the graph; name and kind together are its identity. */
export interface StoredEntity {
  readonly name: string;
  readonly kind: string;
  /** One fact per string. */
  readonly observations: readonly string[];
}

export interface StoredRelation {
  readonly from: EntityKey;
  readonly to: EntityKey;
  readonly type: string;
}

export interface EntityKey {
  readonly name: string;
  readonly kind: string;
}

/** What a document says about the graph; replaced together with the document. */
export interface DocumentGraph {
  readonly entities: readonly StoredEntity[];
  readonly relations: readonly StoredRelation[];
  /** Which chunk (by position) mentions which entity. */
  readonly mentions: readonly { readonly chunk: number; readonly entity: EntityKey }[];
}

export interface StoredDocument {
  /** Given by the caller. Without it the store derives one from collection and uri, and keeps it for good. */
  readonly id?: string | undefined;
  readonly collection: string;
  /** Where it comes from; unique within a collection. */
  readonly uri: string;
  readonly title: string;
  readonly mimeType: string;
  /** Of everything that decides what is stored: a document with the same hash is left alone. */
  readonly hash: string;
  /** Size and time of the file it was read from, for cheap comparison; empty for other documents. */
  readonly fingerprint: string;
  readonly metadata: Readonly<Record<string, MetadataValue>>;
  readonly chunks: readonly StoredChunk[];
  /** One per chunk, normalised to length 1; undefined where it is still to be computed. */
  readonly vectors?: readonly (Float32Array | undefined)[] | undefined;
  readonly graph?: DocumentGraph | undefined;
}

export interface PutResult {
  readonly id: string;
  readonly outcome: "created" | "updated" | "unchanged";
  readonly chunks: number;
}

/** A way of embedding; vectors of different spaces are never compared. */
export interface EmbeddingSpace {
  readonly model: string;
  readonly dimension: number;
  /** Put before each document text, such as `search_document: `. */
  readonly documentPrefix: string;
  readonly queryPrefix: string;
}

/** All given conditions must hold; none of them ever makes a search return fewer hits than there are. */
export interface SearchFilter {
  readonly collection?: string | undefined;
  /** Documents whose uri starts with this. */
  readonly uriPrefix?: string | undefined;
  readonly documentIds?: readonly string[] | undefined;
  readonly metadata?: Readonly<Record<string, MetadataValue>> | undefined;
}

/** The store's own number of a chunk, and its score: higher is better, whatever the kind. */
export interface ScoredChunk {
  readonly key: number;
  readonly score: number;
}

export interface LexicalQuery {
  readonly text: string;
  readonly limit: number;
  /** False where only the order is wanted: then scores may be anything that keeps it. @defaultValue true */
  readonly scored?: boolean | undefined;
  readonly filter?: SearchFilter | undefined;
}

export interface VectorQuery {
  readonly vector: Float32Array;
  readonly limit: number;
  readonly filter?: SearchFilter | undefined;
  /** Compare with every vector, whatever the size. @defaultValue false */
  readonly exact?: boolean | undefined;
}

/** A chunk as it is shown: with the document it belongs to. */
export interface ChunkRecord extends StoredChunk {
  readonly key: number;
  readonly ordinal: number;
  readonly document: DocumentInfo;
}

export interface DocumentInfo {
  readonly id: string;
  readonly collection: string;
  readonly uri: string;
  readonly title: string;
  readonly mimeType: string;
  readonly hash: string;
  readonly fingerprint: string;
  readonly metadata: Readonly<Record<string, MetadataValue>>;
  readonly chunks: number;
  /** ISO 8601. */
  readonly updatedAt: string;
}

export interface EntityRecord extends StoredEntity {
  readonly key: number;
}

export interface RelationRecord {
  readonly from: number;
  readonly to: number;
  readonly type: string;
}

export interface RelationQuery {
  readonly entities: readonly number[];
  readonly direction: "out" | "in" | "both";
  readonly types?: readonly string[] | undefined;
  readonly limit: number;
}

export interface StoreCounts {
  readonly documents: number;
  readonly chunks: number;
  /** Chunks that have a vector in the active space. */
  readonly embedded: number;
  readonly entities: number;
  readonly relations: number;
}

export interface PendingChunk {
  readonly key: number;
  readonly heading: string;
  readonly text: string;
  readonly hash: string;
}

export interface PageQuery {
  readonly collection?: string | undefined;
  readonly uriPrefix?: string | undefined;
  /** Documents after this one, in the order of (collection, uri). */
  readonly after?: { readonly collection: string; readonly uri: string } | undefined;
  readonly limit: number;
}

export interface StoreDescription {
  readonly kind: "sqlite" | "postgres";
  /** Where it is, without credentials. */
  readonly location: string;
  /** What does the work: versions of the engine and its extensions. */
  readonly engine: Readonly<Record<string, string>>;
}

export interface RagStore {
  describe(): Promise<StoreDescription>;
  counts(): Promise<StoreCounts>;

  /**
   * Writes documents, all or none: chunks, index, vectors and graph together. Resolves when they are committed.
   * @throws RagError `EMBEDDING_MISMATCH` when `space` is not the active one
   */
  put(documents: readonly StoredDocument[], space?: EmbeddingSpace): Promise<readonly PutResult[]>;
  /** Gives a document another uri; its id, chunks and vectors stay. False when it is not there. */
  rename(id: string, uri: string, fingerprint: string): Promise<boolean>;
  /** Returns how many were there. */
  remove(ids: readonly string[]): Promise<number>;

  documents(query: PageQuery): Promise<readonly DocumentInfo[]>;
  document(id: string): Promise<DocumentInfo | undefined>;
  /** Chunks of a document in their order, from position `from`. */
  chunksOf(id: string, from: number, limit: number): Promise<readonly ChunkRecord[]>;
  /** Those of the keys that still exist, in any order. */
  chunks(keys: readonly number[]): Promise<readonly ChunkRecord[]>;

  /** BM25 over heading and text: any of the terms may match. */
  lexical(query: LexicalQuery): Promise<readonly ScoredChunk[]>;
  /** Cosine similarity in the active space; nothing without one. */
  nearest(query: VectorQuery): Promise<readonly ScoredChunk[]>;
  /** Vectors of chunks in the active space. */
  vectors(keys: readonly number[]): Promise<ReadonlyMap<number, Float32Array>>;
  /** Vectors of chunks with these hashes in the active space, so that what is known is not embedded again. */
  vectorsByHash(hashes: readonly string[]): Promise<ReadonlyMap<string, Float32Array>>;

  /** The active space, which searches use; undefined before the first vector. */
  space(): Promise<EmbeddingSpace | undefined>;
  /** Makes this the active space if there is none. @throws RagError `EMBEDDING_MISMATCH` */
  claimSpace(space: EmbeddingSpace): Promise<void>;
  /** Chunks that have no vector in this space (active or being built), in the order of their keys. */
  pending(space: EmbeddingSpace, limit: number): Promise<readonly PendingChunk[]>;
  /** Adds vectors to a space, building it if it is not the active one. Chunks that are gone are skipped. */
  addVectors(
    space: EmbeddingSpace,
    entries: readonly { readonly key: number; readonly hash: string; readonly vector: Float32Array }[],
  ): Promise<void>;
  /** Makes a complete space the active one and drops all others. False while chunks are still pending. */
  activateSpace(space: EmbeddingSpace): Promise<boolean>;

  /** Adds or extends entities (observations are united) and adds relations that are not there. */
  upsertGraph(
    entities: readonly StoredEntity[],
    relations: readonly StoredRelation[],
  ): Promise<{ readonly entities: number; readonly relations: number }>;
  /** By exact name, case-insensitively. */
  entitiesByName(names: readonly string[]): Promise<readonly EntityRecord[]>;
  /** By words of name and observations, best first. */
  searchEntities(text: string, limit: number): Promise<readonly EntityRecord[]>;
  entities(keys: readonly number[]): Promise<readonly EntityRecord[]>;
  relations(query: RelationQuery): Promise<readonly RelationRecord[]>;
  mentions(
    entities: readonly number[],
    limit: number,
    filter?: SearchFilter,
  ): Promise<readonly { readonly entity: number; readonly chunk: number }[]>;
  /** Entities and relations that did not come with a document, and are exported on their own. */
  ownGraph(): Promise<{
    readonly entities: readonly StoredEntity[];
    readonly relations: readonly StoredRelation[];
  }>;

  /** What comes with a document beside its chunks, for an export. */
  graphOf(id: string): Promise<DocumentGraph>;

  /**
   * Puts the indexes in order after much was written, and adds those that the engine can have by now. Searches go on, writers may
   * wait. Returns what was done, in words.
   */
  optimize(): Promise<readonly string[]>;
  /** Looks for contradictions between the tables and the indexes; an empty list is good. */
  check(): Promise<readonly string[]>;
  /** Idempotent. */
  close(): Promise<void>;
}
