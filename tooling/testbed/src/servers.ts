// Where the servers that tests put behind the gateway are: ours, and the real ones from npm.
import { fileURLToPath } from "node:url";

const serverScript = (name: string): string =>
  fileURLToPath(
    new URL(`../../../node_modules/@modelcontextprotocol/server-${name}/dist/index.js`, import.meta.url),
  );

/** `process.execPath fixtureServerPath --stdio | --http [--port N | --socket path]` */
export const fixtureServerPath: string = fileURLToPath(new URL("fixture-server.ts", import.meta.url));

/** The same of revision 2026-07-28 only. */
export const modernFixtureServerPath: string = fileURLToPath(
  new URL("modern-fixture-server.ts", import.meta.url),
);

/** `process.execPath conformanceServerPath legacy | modern --stdio | --http [--port N | --socket path]` */
export const conformanceServerPath: string = fileURLToPath(new URL("conformance-server.ts", import.meta.url));

/** `process.execPath faultyServerPath --stdio | --http <port or socket path>`; its faults are in its environment. */
export const faultyServerPath: string = fileURLToPath(new URL("faulty-server.ts", import.meta.url));

/** Arguments: `stdio | sse | streamableHttp`; the environment's `PORT` for the last two. */
export const everythingServer: string = serverScript("everything");
/** Arguments: the directories that it may touch. stdio only. */
export const filesystemServer: string = serverScript("filesystem");
/** Environment: `MEMORY_FILE_PATH`. stdio only. */
export const memoryServer: string = serverScript("memory");
/** stdio only. */
export const thinkingServer: string = serverScript("sequential-thinking");
