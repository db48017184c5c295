// The exit codes of `fairlead`; `--help` and the README print this table.

/** What each exit code of the command line means. */
export const exitCodes = {
  ok: 0,
  /** The tool ran and reported an error (`isError`). */
  toolError: 1,
  /** The command line, or an argument for the tool, is wrong. */
  usage: 2,
  /** No gateway answered at the URL. */
  unreachable: 3,
  /** The gateway serves no tool of that name. */
  unknownTool: 4,
  /** The gateway answered with an error, or with something that is not MCP or not a Fairlead status. */
  protocol: 5,
  /** `verify` found something that does not work. */
  verification: 6,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** One line per exit code, for `--help`. */
export const exitCodeHelp: string = `Exit codes:
  0    ok
  1    the tool reported an error
  2    wrong usage: an unknown option, a missing or malformed argument
  3    the gateway is unreachable
  4    unknown tool
  5    the gateway answered with a protocol error
  6    verify found something that does not work
  130  interrupted by Ctrl-C`;
