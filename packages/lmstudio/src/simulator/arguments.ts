// The command line of the simulator as options.
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import type { Fault } from "./faults.ts";
import { type OverflowBehaviour, overflowBehaviours, type SimulatorOptions } from "./options.ts";

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
  --overflow <behaviour>   what happens to a prompt that does not fit (default engine-400)
  --config <file>          all of these and every other option, as JSON; what is given beside it wins
  --help                   this text
`;

/** `undefined` when help is asked for. @throws TypeError or RangeError for what it does not understand. */
export function readArguments(args: readonly string[]): CommandLine | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      port: { type: "string", default: "1234" },
      host: { type: "string", default: "127.0.0.1" },
      model: { type: "string", multiple: true },
      "load-ms": { type: "string" },
      "tokens-per-second": { type: "string" },
      parallel: { type: "string" },
      "context-length": { type: "string" },
      seed: { type: "string" },
      "api-token": { type: "string" },
      fault: { type: "string", multiple: true },
      overflow: { type: "string" },
      config: { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return undefined;
  const port = number("--port", values.port);
  if (!Number.isInteger(port) || port > 65_535)
    throw new RangeError(`--port must be an integer from 0 to 65535, got ${values.port}`);
  const config = values.config === undefined ? {} : configOf(values.config);
  const speeds = {
    ...optional("loadMs", "--load-ms", values["load-ms"]),
    ...optional("tokensPerSecond", "--tokens-per-second", values["tokens-per-second"]),
    ...optional("parallel", "--parallel", values.parallel),
    ...optional("maxContextLength", "--context-length", values["context-length"]),
  };
  const keys =
    values.model ?? (config.models === undefined ? ["qwen/qwen3.5-9b", "google/gemma-4-26b-a4b"] : undefined);
  const models = keys?.map((key) => ({ key })) ?? config.models ?? [];
  return {
    port,
    host: values.host,
    options: {
      ...config,
      models: models.map((model) => ({ ...model, ...speeds })),
      ...optional("seed", "--seed", values.seed),
      ...(values["api-token"] === undefined ? {} : { apiToken: values["api-token"] }),
      ...(values.overflow === undefined ? {} : { overflow: overflowOf(values.overflow) }),
      ...(values.fault === undefined ? {} : { faults: values.fault.map(faultOf) }),
    },
  };
}

/** What is wrong in it, the simulator itself says. */
function configOf(file: string): Partial<SimulatorOptions> {
  const value: unknown = JSON.parse(readFileSync(file, "utf8"));
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`--config must be a file with a JSON object, got ${file}`);
  return value;
}

function overflowOf(text: string): OverflowBehaviour {
  const found = overflowBehaviours.find((name) => name === text);
  if (found === undefined)
    throw new RangeError(`--overflow must be one of ${overflowBehaviours.join(", ")}, got ${text}`);
  return found;
}

function optional(name: string, option: string, text: string | undefined): Readonly<Record<string, number>> {
  return text === undefined ? {} : { [name]: number(option, text) };
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
