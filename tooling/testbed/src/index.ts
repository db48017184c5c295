export { type Ledger, type LedgerAction, type LedgerEntry, readLedger } from "./ledger.ts";
export {
  childrenOf,
  type ExitStatus,
  isAlive,
  type StartedProcess,
  type StartOptions,
  startProcess,
} from "./process.ts";
export {
  createRawClient,
  type HeaderFields,
  type JsonRpcMessage,
  legacyVersion,
  modernVersion,
  type RawAnswer,
  type RawClient,
  type RawClientOptions,
  type RawRequest,
  type RawStream,
} from "./raw-client.ts";
export { type SelfSigned, selfSigned } from "./self-signed.ts";
export {
  conformanceServerPath,
  everythingServer,
  faultyServerPath,
  filesystemServer,
  fixtureServerPath,
  memoryServer,
  modernFixtureServerPath,
  thinkingServer,
} from "./servers.ts";
export { freePort, type TempDir, tempDir } from "./temp.ts";
export { type WaitOptions, waitUntil } from "./wait.ts";
