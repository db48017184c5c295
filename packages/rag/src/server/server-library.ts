// What the MCP server serves: a library, and the folders that files may be read from.
import type { Library } from "../library/library.ts";

export interface FolderState {
  readonly root: string;
  readonly state: "syncing" | "in-step" | "failed";
  readonly files: number;
  readonly message: string;
}

export interface ServerLibrary {
  readonly library: Library;
  /** Folders that `ingest_file` may read from; none by default. */
  readonly roots: readonly string[];
  /** Folders that are kept in step, as they are now. */
  folders(): readonly FolderState[];
}
