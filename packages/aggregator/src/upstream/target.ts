// What opening an upstream takes and gives; how it is done is a matter of its transport.
import type { Clock } from "@fairlead/core";
import type { UpstreamConfig } from "../config.ts";
import type { ConnectionListener, UpstreamConnection } from "./connection.ts";
import type { Hello, ServerInfo } from "./control.ts";
import type { EraMemory } from "./era-detection.ts";
import { openHttp } from "./open-http.ts";
import { openStdio } from "./open-stdio.ts";

/** An upstream that is ready to be asked. */
export interface OpenUpstream {
  readonly connection: UpstreamConnection;
  readonly info: ServerInfo;
  readonly pid: number | undefined;
  /** Opens a new session on the same connection. */
  renew(): Promise<void>;
  /** Whether the server keeps a session, in which clients could meet. */
  readonly keepsSessions: boolean;
  /** Opens one more session, with a process of its own on stdio. @throws Error as {@link openUpstream} does */
  openSession(hello: Hello, listener: ConnectionListener): Promise<OpenSession>;
  /** Closes the connection, and ends the process if it was started here. */
  close(): Promise<void>;
}

/** One more session with an upstream. */
export interface OpenSession {
  readonly connection: UpstreamConnection;
  readonly info: ServerInfo;
  close(): Promise<void>;
}

export interface OpenOptions {
  /** How the connection introduces itself to a legacy server. */
  readonly hello: Hello;
  readonly clientInfo: { readonly name: string; readonly version: string };
  /** Which era the server is of, or that it has to be found out. */
  readonly era: EraMemory;
  readonly startTimeoutMs: number;
  readonly maxMessageBytes: number;
  readonly maxDepth: number;
  readonly clock: Clock;
  /** Aborted when the attempt is given up. */
  readonly signal: AbortSignal;
  readonly onStderr: (text: string) => void;
}

/** Opens `config`. @throws Error with words for a person; nothing is left behind then */
export function openUpstream(
  config: UpstreamConfig,
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<OpenUpstream> {
  return config.transport === "stdio"
    ? openStdio(config, listener, options)
    : openHttp(config, listener, options);
}
