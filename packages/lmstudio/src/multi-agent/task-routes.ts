// Rules from a task to the model that is good at it.

export interface TaskRoute {
  /** For example `code`. */
  readonly task: string;
  /** The first of these that is loaded, else the first. */
  readonly models: readonly string[];
  /** Words of a prompt that mean this task, besides its name; case does not matter. @defaultValue the name alone */
  readonly words?: readonly string[];
}

/** The first route for the task that is named, or else for a word of the prompt. */
export function routeTask(
  routes: readonly TaskRoute[],
  { prompt, task }: { readonly prompt: string; readonly task?: string | undefined },
): TaskRoute | undefined {
  if (task !== undefined) return routes.find((route) => route.task.toLowerCase() === task.toLowerCase());
  const text = prompt.toLowerCase();
  return routes.find(({ task: name, words = [] }) =>
    [name, ...words].some((word) =>
      new RegExp(`(?<![\\p{L}\\p{N}])${escaped(word)}(?![\\p{L}\\p{N}])`, "u").test(text),
    ),
  );
}

/**
 * Routes from a text: `code|bug=qwen/coder,creative=mistral/large|qwen/large`; the task and its words before the `=`, the models after it.
 *
 * @throws RangeError for what is no route.
 */
export function parseTaskRoutes(text: string): readonly TaskRoute[] {
  return text
    .split(",")
    .filter((part) => part.trim() !== "")
    .map((part) => {
      const [left = "", right = "", ...rest] = part.split("=");
      const [task = "", ...words] = listOf(left);
      const models = listOf(right);
      if (task === "" || models.length === 0 || rest.length > 0)
        throw new RangeError(`a task route must be <task>=<model>, got ${part.trim()}`);
      return { task, models, words };
    });
}

function listOf(text: string): readonly string[] {
  return text
    .split("|")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}

function escaped(word: string): string {
  return word.toLowerCase().replaceAll(/[.*+?^${}()|[\]\\]/g, String.raw`\$&`);
}
