// `{port}` and `{socket}` in the configuration of a server that the gateway starts and reaches over HTTP.
import { randomBytes } from "node:crypto";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HttpUpstreamConfig } from "../config.ts";

export interface Filled {
  readonly url: URL;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly socketPath: string | undefined;
}

/** Chooses a free port and a socket path where they are asked for, and fills them in. */
export async function fillPlaceholders(config: HttpUpstreamConfig): Promise<Filled> {
  const texts = [config.url, ...(config.args ?? []), ...Object.values(config.env ?? {})];
  const port = texts.some((text) => text.includes("{port}")) ? String(await freePort()) : "";
  const needsSocket = texts.some((text) => text.includes("{socket}"));
  const socketPath = needsSocket ? socketName() : undefined;
  const fill = (text: string): string =>
    text.replaceAll("{port}", port).replaceAll("{socket}", socketPath ?? "");
  return {
    url: new URL(fill(config.url)),
    args: (config.args ?? []).map(fill),
    env: Object.fromEntries(Object.entries(config.env ?? {}).map(([name, value]) => [name, fill(value)])),
    socketPath,
  };
}

/** Short, because a Unix socket's path may have about 100 bytes; unguessable, because the directory is shared. */
function socketName(): string {
  const name = `fairlead-${randomBytes(12).toString("hex")}`;
  return process.platform === "win32" ? `\\\\.\\pipe\\${name}` : join(tmpdir(), `${name}.sock`);
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
