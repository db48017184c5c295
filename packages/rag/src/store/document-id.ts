// The id of a document whose caller gave none: the same for the same place, so that writing twice writes once.
import { createHash } from "node:crypto";

export function documentIdOf(collection: string, uri: string): string {
  return createHash("sha256").update(`${collection}\n${uri}`).digest("hex").slice(0, 20);
}
