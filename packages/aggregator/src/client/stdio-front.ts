// The gateway as a stdio server: one client on stdin and stdout, of either era, one message per line.
import { randomUUID } from "node:crypto";
import type { Readable, Writable } from "node:stream";
import { createLineSplitter } from "../wire/lines.ts";
import { errorMessage, rpcCode } from "../wire/reply.ts";
import { toSingleLine } from "../wire/splice.ts";
import { type ChannelOptions, openChannel } from "./channel.ts";

export interface StdioFrontOptions extends Omit<ChannelOptions, "key" | "write"> {
  readonly input: Readable;
  readonly output: Writable;
  readonly maxRequestBytes: number;
}

/** Answers that may wait for a client that does not read them, in bytes. */
const MAX_UNREAD_BYTES = 8 * 1024 * 1024;

/** Serves until the input ends, then resolves. */
export function serveStdio(options: StdioFrontOptions): Promise<void> {
  const { input, output, maxRequestBytes } = options;
  const channel = openChannel({ ...options, key: `stdio ${randomUUID()}`, write });
  const lines = createLineSplitter({
    maxLineBytes: maxRequestBytes,
    onLine: (line) => {
      if (line.length > 0) channel.receive(line);
    },
    onOversize: () =>
      write(
        errorMessage(
          undefined,
          rpcCode.invalidRequest,
          `The message is longer than the ${maxRequestBytes} bytes allowed`,
        ),
      ),
  });
  input.on("data", lines.push);
  // A client that is gone cannot be written to; the end of its input follows.
  output.on("error", () => {});
  return new Promise((resolve) => {
    const end = (): void => {
      channel.close();
      resolve();
    };
    input.once("end", end);
    input.once("close", end);
  });

  function write(message: Buffer): void {
    if (!output.writable) return;
    output.write(toSingleLine(message));
    if (output.write("\n") || output.writableLength < MAX_UNREAD_BYTES || input.isPaused()) return;
    // Who does not read its answers gets no more questions in.
    input.pause();
    output.once("drain", () => input.resume());
  }
}
