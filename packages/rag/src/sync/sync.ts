// Makes the store mirror a folder: new and changed files are ingested, renamed ones renamed, missing ones removed. A file
// with the size and time that it had is not even opened.
import { realpath, stat } from "node:fs/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import { RagError } from "../errors.ts";
import type { Library } from "../library/library.ts";
import type { DocumentInput } from "../library/prepare.ts";
import type { DocumentInfo } from "../store/store.ts";
import { DEFAULT_MAX_FILE_BYTES, fingerprintOf, readDocumentFile } from "./read-file.ts";
import { type WalkOptions, walkFolder } from "./walk.ts";

export interface SyncOptions extends WalkOptions {
  /** Absolute or relative path of the folder. */
  readonly root: string;
  /** @defaultValue "default" */
  readonly collection?: string | undefined;
  /** Larger files are reported as failed, in bytes. @defaultValue 32 MiB */
  readonly maxFileBytes?: number | undefined;
  readonly onProgress?: ((done: number, total: number) => void) | undefined;
}

export interface SyncResult {
  readonly files: number;
  readonly created: number;
  readonly updated: number;
  readonly unchanged: number;
  readonly renamed: number;
  readonly removed: number;
  /** Files that could not be read; what the store had of them stays. */
  readonly failed: readonly { readonly path: string; readonly code: string; readonly message: string }[];
}

const BATCH = 32;
const PAGE = 500;

/** @throws RagError `FILE_UNREADABLE` when the folder itself cannot be read: then nothing is removed */
export async function syncFolder(library: Library, options: SyncOptions): Promise<SyncResult> {
  const { collection = "default", maxFileBytes = DEFAULT_MAX_FILE_BYTES, onProgress, signal } = options;
  const root = await realpath(options.root).catch((cause: unknown) => {
    throw new RagError(
      "FILE_UNREADABLE",
      `The folder ${options.root} cannot be read.`,
      { path: options.root },
      { cause },
    );
  });
  const files = await walkFolder(root, options);
  const known = await knownDocuments(library, collection, `${pathToFileURL(root).href}/`);
  const present = new Set(files.map((path) => pathToFileURL(path).href));
  const missing = [...known.values()].filter(({ uri }) => !present.has(uri));
  const counts = { created: 0, updated: 0, unchanged: 0, renamed: 0 };
  const failed: { path: string; code: string; message: string }[] = [];
  let batch: DocumentInput[] = [];
  let done = 0;
  const write = async (): Promise<void> => {
    for (const { outcome } of await library.ingest(batch, { signal })) counts[outcome]++;
    batch = [];
    onProgress?.(done, files.length);
  };

  for (const path of files) {
    signal?.throwIfAborted();
    done++;
    const uri = pathToFileURL(path).href;
    const before = known.get(uri);
    const stats = await stat(path).catch(() => undefined);
    if (before !== undefined && stats !== undefined && before.fingerprint === fingerprintOf(stats)) {
      counts.unchanged++;
      continue;
    }
    try {
      const { document, contentHash } = await readDocumentFile(library, path, {
        collection,
        maxBytes: maxFileBytes,
      });
      const renamed = before === undefined ? takeSame(missing, contentHash) : undefined;
      if (
        renamed !== undefined &&
        (await library.store.rename(renamed.id, uri, document.fingerprint ?? ""))
      ) {
        counts.renamed++;
        // What the document says of itself may have been the old name; its vectors are known already.
        await library.ingest([{ ...document, id: renamed.id }], { signal });
      } else batch.push(document);
    } catch (error) {
      if (!(error instanceof RagError)) throw error;
      failed.push({ path, code: error.code, message: error.message });
    }
    if (batch.length >= BATCH) await write();
  }
  await write();
  const gone = missing.filter(({ uri }) => !failed.some(({ path }) => path === fileURLToPath(uri)));
  const removed = gone.length === 0 ? 0 : await library.store.remove(gone.map(({ id }) => id));
  return { files: files.length, ...counts, removed, failed };
}

/** Takes the document with this content out of the list: each serves one rename. */
function takeSame(missing: DocumentInfo[], contentHash: string): DocumentInfo | undefined {
  const at = missing.findIndex(({ metadata }) => metadata["contentHash"] === contentHash);
  return at === -1 ? undefined : missing.splice(at, 1)[0];
}

async function knownDocuments(
  library: Library,
  collection: string,
  uriPrefix: string,
): Promise<Map<string, DocumentInfo>> {
  const known = new Map<string, DocumentInfo>();
  let after: DocumentInfo | undefined;
  do {
    const page = await library.store.documents({
      collection,
      uriPrefix,
      limit: PAGE,
      ...(after === undefined ? {} : { after }),
    });
    for (const document of page) known.set(document.uri, document);
    after = page.length === PAGE ? page.at(-1) : undefined;
  } while (after !== undefined);
  return known;
}
