// `${NAME}`, `${NAME:-default}`, `${env:NAME}` and `${file:path}` in any string: secrets stay out of the file. VS Code asks a person
// for `${input:some-id}`; a gateway has nobody to ask, so that is the variable SOME_ID.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { ConfigPath } from "@fairlead/aggregator/schema";

export interface ReferenceOptions {
  readonly environment: NodeJS.ProcessEnv;
  /** Relative files count from here. */
  readonly directory: string;
  readonly fail: (path: ConfigPath, message: string) => void;
}

export interface Resolved {
  readonly value: unknown;
  /** Values that came from files, or into fields that hold secrets: never to be shown. */
  readonly secrets: ReadonlySet<string>;
}

const REFERENCE = /\$\{(?:(env|file|input):)?([^}:]+)(?::-([^}]*))?\}/g;
const SECRET_FIELD = /token|secret|password|passwd|authorization|api[-_]?key|^key$|cookie|credential/i;
/** The part of a URL that its password follows. */
const PASSWORD_BEGINS = /:\/\/[^/@\s]*:$/;
/** Stands for what is missing. Nothing is started with it; it keeps the checks that follow from complaining again. */
const UNSET = "unset";
const MAX_SECRET_BYTES = 64 * 1024;

/** Whether a field of this name holds a secret. */
export function isSecretField(name: string | number | undefined): boolean {
  return typeof name === "string" && SECRET_FIELD.test(name) && !/sha256$/i.test(name);
}

/** Whether a text is nothing but references (and the scheme in front of a token). */
export function isReference(text: string): boolean {
  return /^((bearer|basic|token)\s+)?(\$\{[^}]+\})+$/i.test(text.trim());
}

/** Replaces the references in every string of `value`; keys are left alone. */
export function resolveReferences(value: unknown, options: ReferenceOptions): Resolved {
  const secrets = new Set<string>();
  return { value: walk(value, []), secrets };

  function walk(part: unknown, path: ConfigPath): unknown {
    if (typeof part === "string") return replace(part, path);
    if (Array.isArray(part)) return part.map((element, at) => walk(element, [...path, at]));
    if (typeof part !== "object" || part === null) return part;
    if (Object.getPrototypeOf(part) !== Object.prototype && Object.getPrototypeOf(part) !== null) return part;
    return Object.fromEntries(Object.entries(part).map(([key, field]) => [key, walk(field, [...path, key])]));
  }

  function replace(text: string, path: ConfigPath): string {
    return text.replaceAll(REFERENCE, (whole, kind: string | undefined, name: string, ...more: unknown[]) => {
      const [fallback, offset] = more as [string | undefined, number];
      if (kind === undefined && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return whole;
      const variable = kind === "input" ? environmentName(name) : name;
      const found = kind === "file" ? readSecret(name, path) : lookUp(variable, fallback, path);
      if (found === UNSET) return found;
      const isSecret = path.some(isSecretField) || PASSWORD_BEGINS.test(text.slice(0, offset));
      if (kind === "file" || (name !== "FAIRLEAD_CONFIG_DIR" && isSecret)) secrets.add(found);
      return found;
    });
  }

  function lookUp(name: string, fallback: string | undefined, path: ConfigPath): string {
    const found = options.environment[name] ?? fallback;
    if (found === undefined)
      options.fail(
        path,
        `the environment variable ${name} is not set; set it, or write \${${name}:-default}`,
      );
    return found ?? UNSET;
  }

  function readSecret(name: string, path: ConfigPath): string {
    const file = resolve(options.directory, name);
    try {
      const text = readFileSync(file, "utf8");
      if (text.length > MAX_SECRET_BYTES) throw new Error(`longer than ${MAX_SECRET_BYTES} bytes`);
      return text.replace(/\r?\n$/, "");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      options.fail(path, `the file ${file} cannot be read (${why}); write the secret into it`);
      return UNSET;
    }
  }
}

/** `api-key` as the name of a variable: `API_KEY`. */
export function environmentName(text: string): string {
  return text.toUpperCase().replaceAll(/[^A-Z0-9]+/g, "_");
}

/** Where a file holds a secret itself in a field that may only refer to one. */
export function literalSecrets(value: Readonly<Record<string, unknown>>): ConfigPath[] {
  const found: ConfigPath[] = [];
  look(value, []);
  return found;

  function look(part: unknown, path: ConfigPath): void {
    if (typeof part === "string") {
      const [, password] = isStore(path) ? (/:\/\/[^/@\s:]*:(.+)@/.exec(part) ?? []) : [];
      const secret = isOnlyReference(path) ? part : password;
      if (secret !== undefined && !isReference(secret)) found.push(path);
    } else if (typeof part === "object" && part !== null) {
      for (const [key, field] of Object.entries(part)) look(field, [...path, key]);
    }
  }
}

/** `rag.<namespace>.store`, whose password is a secret. */
function isStore(path: ConfigPath): boolean {
  return path.length === 3 && path[0] === "rag" && path[2] === "store";
}

/** `admin.token`, `clients.known.<name>.key`, tokens of hosts with models, and the token of an `auth` of a server. */
function isOnlyReference(path: ConfigPath): boolean {
  const [first, second] = path;
  const last = path.at(-1);
  if (path.length === 2 && first === "admin" && second === "token") return true;
  if (path.length === 4 && first === "clients" && second === "known" && last === "key") return true;
  if (last === "apiToken" && (first === "lmStudio" || first === "rag")) return true;
  return last === "token" && path.at(-2) === "auth";
}
