// Which programs may become servers. An allowed program is not a safe one: `npx -c`, `node -e` and LD_PRELOAD run anything,
// so arguments and environment are looked at as well.
import { basename, isAbsolute } from "node:path";

export interface CommandPolicyOptions {
  /** Absolute paths, or names; undefined allows any program. */
  readonly allowed: readonly string[] | undefined;
}

export interface CommandSpec {
  readonly command: string;
  readonly args?: readonly string[] | undefined;
  readonly env?: Readonly<Record<string, string>> | undefined;
}

/** Variables that make a program load code of somebody else. */
const DANGEROUS_ENVIRONMENT =
  /^(NODE_OPTIONS|NODE_REPL_.*|LD_.*|DYLD_.*|PYTHON(STARTUP|PATH|HOME|INSPECT)|BASH_ENV|ENV|IFS|SHELLOPTS|PERL5?(OPT|LIB)|RUBY(OPT|LIB)|GIT_.*|npm_config_.*|JAVA_TOOL_OPTIONS|_JAVA_OPTIONS|ELECTRON_RUN_AS_NODE|PATH)$/i;

const SHELLS =
  /^(ba|da|z|k|c|tc|fi)?sh$|^(cmd|powershell|pwsh)(\.exe)?$|^(env|sudo|su|xargs|nohup|setsid|busybox)$/i;

/** Arguments that are programs themselves, by the program's name. */
const DANGEROUS_ARGUMENTS: readonly (readonly [RegExp, RegExp])[] = [
  [
    /^(node|nodejs|bun|deno)$/,
    /^(-e|--eval|-p|--print|-pe|-r|--require|--import|--loader|--experimental-loader|eval)(=|$)/,
  ],
  [/^python[\d.]*$/, /^-[a-zA-Z]*c/],
  [/^(perl|ruby|php|lua)[\d.]*$/, /^-[a-zA-Z]*[erR]/],
  [
    /^(npx|npm|pnpm|pnpx|yarn|bunx)$/,
    /^(-c|--call|--node-options|--script-shell|--prefix|dlx|run|run-script)(=|$)/,
  ],
  [/^(uvx|uv|pipx|pip)$/, /^(--from|--with|--index-url|--extra-index-url|-i|--script)(=|$)/],
  [
    /^(docker|podman|nerdctl)$/,
    /^(-v|--volume|--mount|--privileged|--device|--cap-add|--pid|--network=host|--security-opt|--entrypoint)(=|$)/,
  ],
  [/^git$/, /^(-c|--upload-pack|--exec|--exec-path)(=|$)/],
];

/** Why a server may not be started like that, or undefined when it may. */
export function refuseCommand(
  { command, args = [], env = {} }: CommandSpec,
  { allowed }: CommandPolicyOptions,
): string | undefined {
  if (/\.(bat|cmd)$/i.test(command)) return `${command} is run by a shell, which is not allowed`;
  if (/[\0\n\r]/.test(command) || args.some((argument) => argument.includes("\0")))
    return "the command holds control characters";
  const name = basename(command).toLowerCase();
  const isListed =
    allowed === undefined ||
    allowed.some(
      (entry) => entry === command || (!isAbsolute(entry) && !command.includes("/") && entry === command),
    );
  if (!isListed) return `${command} is not one of protection.commands: ${allowed?.join(", ") || "none"}`;
  if (SHELLS.test(name)) return `${command} runs whatever its arguments say`;
  for (const [program, dangerous] of DANGEROUS_ARGUMENTS) {
    if (!program.test(name)) continue;
    const found = args.find((argument) => dangerous.test(argument));
    if (found !== undefined) return `${name} ${found} runs code that is not the server's`;
  }
  const url = args.find((argument) => /^(git\+|https?:|file:|ssh:)/i.test(argument));
  if (url !== undefined && /^(npx|npm|pnpm|pnpx|yarn|bunx|uvx|uv|pipx|pip)$/.test(name))
    return `${name} ${url} installs from a place that no registry vouches for`;
  const variable = Object.keys(env).find((key) => DANGEROUS_ENVIRONMENT.test(key));
  return variable === undefined ? undefined : `the variable ${variable} changes what a program runs`;
}

/** Packages without an exact version run whatever is published next (postmark-mcp, 2025): worth a warning. */
export function unpinnedPackage({ command, args = [] }: CommandSpec): string | undefined {
  if (!/^(npx|pnpx|bunx|uvx)$/.test(basename(command))) return undefined;
  const spec = args.find((argument) => !argument.startsWith("-"));
  if (spec === undefined) return undefined;
  return /.@\d+\.\d+\.\d+|==\d+/.test(spec) ? undefined : spec;
}
