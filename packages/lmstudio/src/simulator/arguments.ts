// The command line of the simulator as options.
import { parseArgs } from "node:util";
import type { Fault } from "./faults.ts";
import type { SimulatorOptions } from "./options.ts";

export interface CommandLine {
  readonly port: number;
  readonly host: string;
  readonly options: SimulatorOptions;
}

export const usage = `Usage: lmstudio-simulator [options]

  --port <n>               port, 0 for a free one (default 1234)
  --host <address>         address to listen on (default 127.0.0.1)
  --model <key>            a model; may be given several times
  --load-ms <ms>           time to load a model (default 2000)
  --tokens-per-second <n>  speed of one generation alone (default 84.6)
  --parallel <n>           generations at a time per instance (default 4)
  --context-length <n>     context of a loaded model, in tokens (default 131072)
  --seed <n>               seed of answers and faults (default 1)
  --api-token <token>      demand this token
  --fault <kind[=rate]>    a fault, for all requests or a share of them; several times
  --help                   this text
`;

/** `undefined` when help is asked for. @throws TypeError or RangeError for what it does not understand. */
export function readArguments(args: readonly string[]): CommandLine | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string", default: "1234" },
      host: { type: "string", default: "127.0.0.1" },
      model: { type: "string", multiple: true, default: ["qwen/qwen3.5-9b", "google/gemma-4-26b-a4b"] },
      "load-ms": { type: "string", default: "2000" },
      "tokens-per-second": { type: "string", default: "84.6" },
      parallel: { type: "string", default: "4" },
      "context-length": { type: "string", default: "131072" },
      seed: { type: "string", default: "1" },
      "api-token": { type: "string" },
      fault: { type: "string", multiple: true, default: [] },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const port = number("--port", values.port);
  if (!Number.isInteger(port) || port > 65_535)
    throw new RangeError(`--port must be an integer from 0 to 65535, got ${values.port}`);
  const speeds = {
    loadMs: number("--load-ms", values["load-ms"]),
    tokensPerSecond: number("--tokens-per-second", values["tokens-per-second"]),
    parallel: number("--parallel", values.parallel),
    maxContextLength: number("--context-length", values["context-length"]),
  };
  return {
    port,
    host: values.host,
    options: {
      models: values.model.map((key) => ({ key, ...speeds })),
      seed: number("--seed", values.seed),
      ...(values["api-token"] === undefined ? {} : { apiToken: values["api-token"] }),
      faults: values.fault.map(faultOf),
    },
  };
}

/** The plan checks the kind. */
function faultOf(text: string): Fault {
  const [kind = "", rate = "1"] = text.split("=", 2);
  return { kind: kind as Fault["kind"], rate: number("--fault", rate) };
}

function number(option: string, text: string): number {
  const value = Number(text);
  if (text.trim() === "" || !(value >= 0) || value === Infinity)
    throw new RangeError(`${option} must be a number from 0, got ${text}`);
  return value;
}
