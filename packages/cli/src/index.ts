export { convertArguments, type JsonObject } from "./arguments.ts";
export { run } from "./cli.ts";
export { CliError, type CliErrorCode, type CliErrorOptions } from "./errors.ts";
export { type ExitCode, exitCodes } from "./exit-codes.ts";
export { type FetchStatusOptions, fetchStatus } from "./fetch-status.ts";
export type { CliIo, CliOutput } from "./io.ts";
export type { PoolReport, ProblemReport, ReplicaReport, StatusReport } from "./status-report.ts";
