export type { CommandIo } from "./commands/io.ts";
export { runRagCommand } from "./commands/run.ts";
