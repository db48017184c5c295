// `fairlead serve --stdio --attach <url>`: one client on stdin and stdout at a gateway that runs already. Over a WebSocket, one
// message per line and frame, both eras, so that nothing has to be understood on the way.
import { createInterface } from "node:readline";
import { authorization } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { type ExitCode, exitCodes } from "../exit-codes.ts";
import type { CliIo } from "../io.ts";
import { resolveTarget } from "../target.ts";
import { unreachable } from "../unreachable.ts";

export interface AttachOptions {
  readonly url: string;
  readonly key?: string | undefined;
}

export interface AttachStreams {
  readonly input: NodeJS.ReadableStream;
  readonly output: NodeJS.WritableStream;
}

/** Serves until the input ends or the gateway closes the connection. @throws {@link CliError} */
export async function attach(
  options: AttachOptions,
  io: CliIo,
  { input, output }: AttachStreams = { input: process.stdin, output: process.stdout },
): Promise<ExitCode> {
  const { mcp } = resolveTarget(options.url);
  const url = new URL(mcp);
  url.protocol = mcp.protocol === "https:" ? "wss:" : "ws:";
  // Node's WebSocket takes header fields as well; the web's own type does not know of them.
  const init = { protocols: ["mcp"], headers: await authorization(options, io) };
  const socket = new WebSocket(url, init as unknown as string[]);
  const opened = new Promise<void>((resolve, reject) => {
    socket.addEventListener("open", () => resolve());
    socket.addEventListener("error", (event) =>
      reject(unreachable(mcp, "error" in event ? event.error : event)),
    );
  });
  const closed = new Promise<CloseEvent>((resolve) => {
    socket.addEventListener("close", resolve);
  });
  socket.addEventListener("message", ({ data }: { readonly data: unknown }) => {
    // A frame may be pretty-printed; a line must not be.
    output.write(`${String(data).replaceAll("\n", " ")}\n`);
  });
  await opened;
  const lines = createInterface({ input });
  lines.on("line", (line) => {
    if (line.trim() !== "" && socket.readyState === WebSocket.OPEN) socket.send(line);
  });
  lines.once("close", () => socket.close(1000));
  const { code, reason } = await closed;
  lines.close();
  if (code === 1000 || code === 1005) return exitCodes.ok;
  throw new CliError("GATEWAY_UNREACHABLE", `the gateway closed the connection (${code} ${reason})`.trim(), {
    fix: 'the client starts it again; "fairlead status" shows whether the gateway is back',
  });
}
