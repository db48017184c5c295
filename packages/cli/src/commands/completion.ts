// `fairlead completion`: a script for the shell, made from the commands themselves, so that it cannot lag behind them.
import type { Command } from "commander";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import type { CommandContext } from "./context.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

interface Words {
  /** The commands that lead there: `servers drain`; empty at the top. */
  readonly path: string;
  readonly words: readonly { readonly word: string; readonly description: string }[];
}

export function describeCompletion(program: Command, { io, done }: CommandContext): void {
  program
    .command("completion")
    .description("Print a completion script for bash, zsh or fish.")
    .argument("<shell>", SHELLS.join(", "))
    .addHelpText(
      "after",
      `
Examples:
  fairlead completion bash > ~/.local/share/bash-completion/completions/fairlead
  fairlead completion zsh > "\${fpath[1]}/_fairlead"
  fairlead completion fish > ~/.config/fish/completions/fairlead.fish`,
    )
    .action((shell: string) => {
      const words = wordsOf(program);
      if (shell === "bash") io.stdout.write(bash(words));
      else if (shell === "zsh") io.stdout.write(zsh(words));
      else if (shell === "fish") io.stdout.write(fish(words));
      else
        throw new CliError("USAGE", `there is no completion for "${shell}"`, {
          fix: `choose one of ${SHELLS.join(", ")}`,
        });
      done(exitCodes.ok);
    });
}

function wordsOf(command: Command, path: readonly string[] = []): readonly Words[] {
  const own: Words = {
    path: path.join(" "),
    words: [
      ...command.commands.map((child) => ({ word: child.name(), description: child.description() })),
      ...command.options.map(({ long, short, description }) => ({ word: long ?? short ?? "", description })),
    ].filter(({ word }) => word !== ""),
  };
  return [own, ...command.commands.flatMap((child) => wordsOf(child, [...path, child.name()]))];
}

function bash(all: readonly Words[]): string {
  const cases = all.map(
    ({ path, words }) => `    "${path}") words="${words.map(({ word }) => word).join(" ")}" ;;`,
  );
  return `# bash completion of fairlead
_fairlead() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    case " ${all.map(({ path }) => path.replaceAll(" ", "_")).join(" ")} " in
      *" \${path:+\${path// /_}_}$word "*) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path" in
${cases.join("\n")}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _fairlead fairlead
`;
}

function zsh(all: readonly Words[]): string {
  const quote = (text: string): string =>
    text.replaceAll("'", "").replaceAll(":", " -").replaceAll("[", "(").replaceAll("]", ")");
  const cases = all.map(
    ({ path, words }) =>
      `    "${path}") words=(${words.map(({ word, description }) => `'${word}:${quote(description)}'`).join(" ")}) ;;`,
  );
  return `#compdef fairlead
_fairlead() {
  local -a words_before words known
  local candidate_path="" word
  words_before=("\${(@)words[2,CURRENT-1]}")
  known=(${all.map(({ path }) => `'${path}'`).join(" ")})
  for word in $words_before; do
    [[ $word == -* ]] && continue
    [[ \${known[(Ie)\${candidate_path:+$candidate_path }$word]} -gt 0 ]] && candidate_path="\${candidate_path:+$candidate_path }$word"
  done
  words=()
  case "$candidate_path" in
${cases.join("\n")}
  esac
  _describe 'fairlead' words || _files
}
compdef _fairlead fairlead
`;
}

function fish(all: readonly Words[]): string {
  const lines = all.flatMap(({ path, words }) => {
    const parts = path === "" ? [] : path.split(" ");
    const condition =
      parts.length === 0
        ? "__fish_use_subcommand"
        : parts.map((part) => `__fish_seen_subcommand_from ${part}`).join("; and ");
    return words.map(({ word, description }) => {
      const text = description.replaceAll("'", "");
      return word.startsWith("--")
        ? `complete -c fairlead -n '${condition}' -l ${word.slice(2)} -d '${text}'`
        : `complete -c fairlead -n '${condition}' -a ${word} -d '${text}'`;
    });
  });
  return `# fish completion of fairlead\n${lines.join("\n")}\n`;
}
