// A program that stands between the load and the upstream, running, and how to call through it.
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { placed } from "../placement.ts";
import type { MeasuredProcess } from "../process.ts";

/** What kind of call is measured. */
export interface CallKind {
  readonly upstream: "http" | "stdio";
  readonly era: "legacy" | "modern";
  readonly payloadBytes: number;
  /** How the upstream answers over HTTP. */
  readonly answer: "json" | "sse";
}

export interface Target {
  readonly name: string;
  readonly url: string;
  /** Public name of the tool that echoes. */
  readonly tool: string;
  readonly transport: "http" | "sse";
  /** Undefined where there is no process of its own to measure. */
  readonly process: MeasuredProcess;
}

export interface TargetContext {
  readonly kind: CallKind;
  /** Of the HTTP upstream. */
  readonly upstreamUrl: string;
  /** The stdio upstream. */
  readonly stdio: StdioUpstream;
  /** For files that a target needs. */
  readonly directory: string;
  readonly onProgress: (line: string) => void;
}

/** Without spaces in it: some targets take one line. */
export interface StdioUpstream {
  readonly command: string;
  readonly args: readonly string[];
}

/** Starts a target, or says why it cannot take part. */
export type StartTarget = (context: TargetContext) => Promise<Target | string>;

export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}

/** A file beside this one. */
export function fileOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

export function stdioUpstream(): StdioUpstream {
  return placed("server", { command: process.execPath, args: [fileOf("stdio-upstream.ts")] });
}
