// Starts a process that speaks MCP on stdin and stdout, and shakes hands with it.
import type { StdioUpstreamConfig } from "../config.ts";
import type { Era } from "../era.ts";
import { startChild } from "./child-process.ts";
import type { ConnectionListener } from "./connection.ts";
import { discover, handshake } from "./control.ts";
import { verdictOf } from "./era-detection.ts";
import { confirmed, targetOf, withLastWords } from "./open-common.ts";
import { createStdioConnection } from "./stdio-connection.ts";
import type { OpenOptions, OpenUpstream } from "./target.ts";

/** How long a process may take for its answer to `server/discover` when its era is not known. */
const STDIO_PROBE_MS = 2_000;

export async function openStdio(
  config: StdioUpstreamConfig,
  listener: ConnectionListener,
  options: OpenOptions,
): Promise<OpenUpstream> {
  const { era } = options;
  if (era.era === undefined) {
    // Whatever else it does when it is asked (answer, hang, exit), it does not know the question; and since some servers
    // are of no more use then, the handshake gets a process of its own.
    const bound = Math.min(STDIO_PROBE_MS, options.startTimeoutMs);
    try {
      const open = await openProcess("modern", config, listener, { ...options, startTimeoutMs: bound }, true);
      era.confirm("modern");
      return open;
    } catch (error) {
      options.signal.throwIfAborted();
      if (verdictOf(error) === "modern") {
        era.confirm("modern");
        throw error;
      }
    }
  }
  return await confirmed(era, era.era ?? "legacy", (known) => openProcess(known, config, listener, options));
}

async function openProcess(
  era: Era,
  config: StdioUpstreamConfig,
  listener: ConnectionListener,
  options: OpenOptions,
  isProbe = false,
): Promise<OpenUpstream> {
  const { hello, startTimeoutMs, clock } = options;
  const child = await startChild({ ...config, onStderr: options.onStderr });
  const stopEarly = (): void => child.kill();
  options.signal.addEventListener("abort", stopEarly, { once: true });
  const connection = createStdioConnection(child, listener, { ...options, target: targetOf(era, options) });
  try {
    options.signal.throwIfAborted();
    const info =
      era === "modern"
        ? await discover(connection, startTimeoutMs, clock)
        : await handshake(connection, hello, startTimeoutMs, clock);
    // A process has no session apart from itself.
    const renew = (): Promise<void> => Promise.reject(new Error("the process has no session to renew"));
    const openSession: OpenUpstream["openSession"] = (sessionHello, sessionListener) =>
      openProcess("legacy", config, sessionListener, { ...options, hello: sessionHello });
    const { close } = connection;
    return { connection, info, pid: child.pid, renew, keepsSessions: era === "legacy", openSession, close };
  } catch (error) {
    // Closed first: the end of a process that nobody uses is no news.
    const closed = connection.close();
    if (isProbe) {
      // It may be well, and hold what the next process needs: it is let go in order, and waited for.
      child.terminate();
      await closed;
    } else child.kill();
    throw withLastWords(error, child);
  } finally {
    options.signal.removeEventListener("abort", stopEarly);
  }
}
