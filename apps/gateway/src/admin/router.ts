// Finds the operation of a request by its method and path.

import { parametersOf } from "./openapi.ts";
import type { Operation } from "./operation.ts";

interface Match {
  readonly operation: Operation;
  readonly parameters: Readonly<Record<string, string>>;
}

/** `undefined`: no such path; a list: the path exists, with these methods. */
export type Router = (method: string, path: string) => Match | readonly string[] | undefined;

export function createRouter(operations: readonly Operation[]): Router {
  const routes = operations.map((operation) => {
    const names = parametersOf(operation.path);
    // Of our own paths, which hold no other special characters.
    const pattern = new RegExp(`^${operation.path.replaceAll(/\{\w+\}/g, "([^/]+)")}$`);
    return { operation, names, pattern };
  });
  return (method, path) => {
    const wanted = method === "HEAD" ? "GET" : method;
    const allowed: string[] = [];
    for (const { operation, names, pattern } of routes) {
      const found = pattern.exec(path);
      if (found === null) continue;
      if (operation.method === wanted) {
        const parameters = Object.fromEntries(names.map((name, at) => [name, found[at + 1] ?? ""]));
        return { operation, parameters };
      }
      allowed.push(operation.method);
    }
    return allowed.length === 0 ? undefined : allowed;
  };
}
