// A real llama-server with a tiny model, on a free port.
import { spawn } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TinyModel, tinyGguf } from "./tiny-gguf.ts";

export interface LlamaServer extends AsyncDisposable {
  readonly url: string;
  /** Slots that work on a request. */
  busySlots(): Promise<number>;
}

export async function startLlamaServer(
  program: string,
  model: TinyModel,
  contextLength = 4_096,
): Promise<LlamaServer> {
  const folder = await mkdtemp(join(tmpdir(), "fairlead-llama-"));
  const file = join(folder, "model.gguf");
  await writeFile(file, tinyGguf(model));
  const port = await freePort();
  // One thread: on a small machine more of them stand in each other's way.
  const args = `-m ${file} -a ${model.name} --host 127.0.0.1 --port ${port} -np 2 -c ${contextLength} -t 1 --no-webui --slots`;
  const child = spawn(program, args.split(" "), { stdio: ["ignore", "ignore", "pipe"] });
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = (log + chunk.toString()).slice(-4_000);
  });
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  const url = `http://127.0.0.1:${port}`;
  for (let looks = 0; !(await isUp(url)); looks += 1) {
    if (child.exitCode !== null || looks > 600) throw new Error(`llama-server did not come up\n${log}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  return {
    url,
    async busySlots() {
      const slots = (await (await fetch(`${url}/slots`)).json()) as { is_processing: boolean }[];
      return slots.filter((slot) => slot.is_processing).length;
    },
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await exited;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function isUp(url: string): Promise<boolean> {
  return fetch(`${url}/health`).then(
    ({ ok }) => ok,
    () => false,
  );
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
