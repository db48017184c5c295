// What is wrong with a configuration, so that a person finds the place and the fix.

export interface ConfigProblem {
  /** Path inside the file: `pools.files.upstreams[0].command`; empty for the file as a whole. */
  readonly path: string;
  /** From 1; undefined when the place is not known. */
  readonly line?: number | undefined;
  readonly column?: number | undefined;
  readonly message: string;
}

/** The configuration cannot be used; `problems` has every reason. */
export class ConfigError extends Error {
  override readonly name = "ConfigError";
  readonly code = "INVALID_CONFIG";
  readonly file: string;
  /** In the order of the file. */
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, found: readonly ConfigProblem[], options?: ErrorOptions) {
    const problems = found.toSorted(byPlace);
    super(problems.map((problem) => describeProblem(file, problem)).join("\n"), options);
    this.file = file;
    this.problems = problems;
  }
}

/** `file:line:column: path: message`, as compilers print it. */
export function describeProblem(file: string, { path, line, column, message }: ConfigProblem): string {
  const place = line === undefined ? file : `${file}:${line}:${column ?? 1}`;
  return path === "" ? `${place}: ${message}` : `${place}: ${path}: ${message}`;
}

/** From top to bottom, as people correct them. */
function byPlace(a: ConfigProblem, b: ConfigProblem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}
