// What happens inside, for whoever logs or counts it.
import type { Collision } from "./catalog/catalog.ts";
import type { ListKind } from "./catalog/lists.ts";
import type { ReplicaStatus } from "./upstream/replica-state.ts";

export type MultiplexerEvent =
  | {
      readonly type: "upstream-state";
      readonly pool: string;
      readonly upstream: string;
      readonly status: ReplicaStatus;
      readonly reason: string | null;
      /** Milliseconds until the next try, when one is planned. */
      readonly retryInMs: number | null;
    }
  | { readonly type: "catalog-changed"; readonly pool: string; readonly kinds: readonly ListKind[] }
  /** Two things want the same public name; the second is not offered. */
  | { readonly type: "name-collision"; readonly collision: Collision }
  | { readonly type: "stderr"; readonly pool: string; readonly upstream: string; readonly text: string }
  | { readonly type: "problem"; readonly pool: string; readonly upstream: string; readonly message: string }
  /** A fault of the gateway itself; the request that met it was answered with an error. */
  | { readonly type: "internal-error"; readonly error: unknown };
