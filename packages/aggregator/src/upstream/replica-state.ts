// The states of one upstream, for the pool, for `status` and for people.
import type { ServerInfo } from "./control.ts";

/**
 * - `starting`: process start, connection or handshake under way
 * - `ready`: gets calls
 * - `unhealthy`: connected, but does not answer pings; gets no calls until it does
 * - `waiting`: down, tried again at `nextTryAt`
 * - `crash-loop`: like `waiting`, after ending over and over
 * - `draining`: finishes what it has, gets nothing new
 * - `disabled`: not to run until it is enabled
 * - `stopped`: for good
 */
export type ReplicaStatus =
  | "starting"
  | "ready"
  | "unhealthy"
  | "waiting"
  | "crash-loop"
  | "draining"
  | "disabled"
  | "stopped";

export interface ReplicaState {
  readonly status: ReplicaStatus;
  /** Why it is not ready; null when it is. */
  readonly reason: string | null;
  /** When it will be tried again, in milliseconds of the clock that was injected; null when nothing is planned. */
  readonly nextTryAtMs: number | null;
  /** Connections that were opened after the first. */
  readonly restarts: number;
  readonly pid: number | null;
  readonly info: ServerInfo | null;
}
