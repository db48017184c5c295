// The operators' token when the configuration names none: made at each start and kept in a file that only this user may
// read, so that the command line on the same machine needs no set-up and nobody else gets in.
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { createKey } from "./keys.ts";

/** Where the token of the gateway on `port` of this machine is kept. */
export function adminTokenFile(port: number, environment: NodeJS.ProcessEnv = process.env): string {
  const state = environment["XDG_STATE_HOME"] ?? join(homedir(), ".local", "state");
  return join(state, "fairlead", `admin-${port}.token`);
}

/** Makes a token and writes it down; the file goes with `remove`. */
export async function provideAdminToken(
  port: number,
): Promise<{ readonly token: string; readonly file: string; remove(): Promise<void> }> {
  const token = createKey();
  const file = adminTokenFile(port);
  await mkdir(dirname(file), { recursive: true, mode: 0o700 });
  await rm(file, { force: true });
  await writeFile(file, `${token}\n`, { mode: 0o600, flag: "wx" });
  return {
    token,
    file,
    async remove() {
      // Another gateway may have taken the port, and the file, since.
      const now = await readFile(file, "utf8").catch(() => "");
      if (now.trim() === token) await rm(file, { force: true });
    },
  };
}

/** The token of a gateway on this machine, or undefined when there is none that this user may read. */
export async function readAdminToken(
  port: number,
  environment?: NodeJS.ProcessEnv,
): Promise<string | undefined> {
  return readFile(adminTokenFile(port, environment), "utf8").then(
    (text) => text.trim(),
    () => undefined,
  );
}
