#!/usr/bin/env node
// The `lmstudio-simulator` executable: serves until it is told to end.
import { readArguments, usage } from "./arguments.ts";
import { createLmStudioSimulator } from "./simulator.ts";

try {
  const command = readArguments(process.argv.slice(2));
  if (command === undefined) process.stdout.write(usage);
  else {
    const simulator = createLmStudioSimulator(command.options);
    const url = await simulator.listen(command.port, command.host);
    const end = (): void => void simulator.close();
    process.once("SIGINT", end);
    process.once("SIGTERM", end);
    // Said last, so that whoever reads it can end the process in order.
    process.stdout.write(`LM Studio simulator at ${url}/v1\n`);
  }
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n\n${usage}`);
  process.exitCode = 2;
}
