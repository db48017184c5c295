// `fairlead resources` and `fairlead prompts`: what else a gateway serves.
import type { Command } from "commander";
import { withClient } from "../connection.ts";
import { authorization } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable, styleFor } from "../format/style.ts";
import { formatTable } from "../format/table.ts";
import type { CliIo } from "../io.ts";
import { resolveTarget } from "../target.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

export function describeResources(program: Command, context: CommandContext): void {
  const { io, done } = context;
  const resources = program
    .command("resources")
    .description("List and read the resources that a gateway serves.");
  remote(
    resources.command("list", { isDefault: true }).description("List resources and templates."),
    context,
  ).action(async (options: RemoteOptions) => {
    await listResources(options, io);
    done(exitCodes.ok);
  });
  remote(resources.command("read").description("Read a resource.").argument("<uri>"), context).action(
    async (uri: string, options: RemoteOptions) => {
      await readResource(uri, options, io);
      done(exitCodes.ok);
    },
  );
  const prompts = program.command("prompts").description("List and fetch the prompts that a gateway serves.");
  remote(prompts.command("list", { isDefault: true }).description("List prompts."), context).action(
    async (options: RemoteOptions) => {
      await listPrompts(options, io);
      done(exitCodes.ok);
    },
  );
  remote(prompts.command("get").description("Fetch a prompt.").argument("<name>"), context)
    .option(
      "--arg <name=value>",
      "an argument; repeatable",
      (text: string, before: string[]) => [...before, text],
      [],
    )
    .action(async (name: string, options: RemoteOptions & { readonly arg: readonly string[] }) => {
      await getPrompt(name, options, io);
      done(exitCodes.ok);
    });
}

async function listResources(options: RemoteOptions, io: CliIo): Promise<void> {
  const signal = io.interrupt();
  const found = await ask(options, io, async (client) => {
    const { resources } = await client.listResources(undefined, { signal });
    const { resourceTemplates } = await client.listResourceTemplates(undefined, { signal });
    return { resources, resourceTemplates };
  });
  if (options.json === true) {
    print(found, io);
    return;
  }
  const style = styleFor(io.stdout, io.env);
  const rows = [
    ...found.resources.map(({ uri, name, mimeType }) => [uri, name, mimeType ?? "-"]),
    ...found.resourceTemplates.map(({ uriTemplate, name, mimeType }) => [uriTemplate, name, mimeType ?? "-"]),
  ].map(([uri = "", name = "", type = ""]) => [
    style("bold", printable(uri)),
    printable(name),
    printable(type),
  ]);
  io.stdout.write(
    `${formatTable(["URI", "NAME", "TYPE"], rows)}\n\n${rows.length} resources and templates\n`,
  );
}

async function readResource(uri: string, options: RemoteOptions, io: CliIo): Promise<void> {
  const result = await ask(options, io, (client) => client.readResource({ uri }, { signal: io.interrupt() }));
  if (options.json === true) {
    print(result, io);
    return;
  }
  for (const content of result.contents) {
    const text =
      "text" in content
        ? content.text
        : `[${content.mimeType ?? "binary"}, ${Buffer.byteLength(content.blob, "base64")} bytes; --json shows the data]`;
    io.stdout.write(`${io.stdout.isTTY ? printable(text) : text}\n`);
  }
}

async function listPrompts(options: RemoteOptions, io: CliIo): Promise<void> {
  const { prompts } = await ask(options, io, (client) =>
    client.listPrompts(undefined, { signal: io.interrupt() }),
  );
  if (options.json === true) {
    print({ prompts }, io);
    return;
  }
  const style = styleFor(io.stdout, io.env);
  const rows = prompts.map(({ name, description, arguments: args = [] }) => [
    style("bold", printable(name)),
    printable(args.map((argument) => `${argument.name}${argument.required === true ? "*" : ""}`).join(" ")) ||
      "-",
    printable(description ?? "").replace(/\s+/g, " "),
  ]);
  io.stdout.write(`${formatTable(["PROMPT", "ARGUMENTS", "DESCRIPTION"], rows)}\n\n${rows.length} prompts\n`);
}

async function getPrompt(
  name: string,
  options: RemoteOptions & { readonly arg: readonly string[] },
  io: CliIo,
): Promise<void> {
  const pairs = options.arg.map((text) => {
    const at = text.indexOf("=");
    if (at < 1)
      throw new CliError("USAGE", `--arg must look like name=value, got "${text}"`, {
        fix: "write name=value",
      });
    return [text.slice(0, at), text.slice(at + 1)] as const;
  });
  const result = await ask(options, io, (client) =>
    client.getPrompt({ name, arguments: Object.fromEntries(pairs) }, { signal: io.interrupt() }),
  );
  if (options.json === true) {
    print(result, io);
    return;
  }
  for (const { role, content } of result.messages) {
    const text = content.type === "text" ? content.text : `[${content.type}; --json shows it]`;
    io.stdout.write(`${role}: ${io.stdout.isTTY ? printable(text) : text}\n`);
  }
}

type Use<T> = Parameters<typeof withClient<T>>[2];

async function ask<T>(
  options: RemoteOptions,
  io: CliIo,
  use: (client: Parameters<Use<T>>[0]["client"]) => Promise<T>,
): Promise<T> {
  const headers = await authorization(options, io);
  return withClient(resolveTarget(options.url).mcp, io.interrupt(), ({ client }) => use(client), { headers });
}

function print(value: unknown, io: CliIo): void {
  io.stdout.write(`${JSON.stringify(value, null, 2)}\n`);
}
