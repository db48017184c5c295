// `fairlead clients`: who uses the gateway, and keys for them.
import { createHash, randomBytes } from "node:crypto";
import type { Command } from "commander";
import { adminRequest } from "../admin-client.ts";
import { exitCodes } from "../exit-codes.ts";
import { printable, styleFor } from "../format/style.ts";
import { formatTable } from "../format/table.ts";
import type { CliIo } from "../io.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

interface ClientRow {
  readonly id: string;
  readonly known: boolean;
  readonly active: boolean;
  readonly inFlight: number;
  readonly streams: number;
  /** Not told by older gateways. */
  readonly sessions?: number;
  readonly breaker: string;
  readonly usage: Readonly<Record<string, number>>;
}

export function describeClients(program: Command, context: CommandContext): void {
  const { io, done } = context;
  const clients = program
    .command("clients")
    .description("Show who uses a running gateway, and make keys for clients.")
    .addHelpText(
      "after",
      "\nExamples:\n  fairlead clients\n  fairlead clients key alice\n  fairlead clients reset alice",
    );
  remote(
    clients.command("list", { isDefault: true }).description("List the clients and what they used."),
    context,
  ).action(async (options: RemoteOptions) => {
    await list(options, io);
    done(exitCodes.ok);
  });
  clients
    .command("key")
    .description(
      "Make a key: prints it once, and what to write into the configuration. Nothing is sent anywhere.",
    )
    .argument("[name]", "name of the client", "my-client")
    .option("--json", "print JSON")
    .action((name: string, { json = false }: { readonly json?: boolean }) => {
      const key = `flk_${randomBytes(32).toString("base64url")}`;
      const keySha256 = createHash("sha256").update(key).digest("hex");
      io.stdout.write(
        json
          ? `${JSON.stringify({ name, key, keySha256 })}\n`
          : `Key of ${printable(name)}, shown only now:\n\n  ${key}\n\nFor the gateway's configuration:\n\n  clients:\n    known:\n      ${printable(name)}: { keySha256: ${keySha256} }\n\nThe client sends: Authorization: Bearer <key>\n`,
      );
      done(exitCodes.ok);
    });
  remote(
    clients
      .command("reset")
      .description("End the pause of a client that sent too many wrong requests.")
      .argument("<id>"),
    context,
  ).action(async (id: string, options: RemoteOptions) => {
    const path = `/clients/${encodeURIComponent(id)}/reset`;
    await adminRequest(options, { method: "POST", path, body: {}, doing: "asking the gateway" }, io);
    io.stdout.write(options.json === true ? '{"done":true}\n' : `${printable(id)} may go on\n`);
    done(exitCodes.ok);
  });
}

async function list(options: RemoteOptions, io: CliIo): Promise<void> {
  const answer = await adminRequest<{ clients: readonly ClientRow[] }>(
    options,
    { path: "/clients", doing: "asking the gateway" },
    io,
  );
  if (options.json === true) {
    io.stdout.write(`${JSON.stringify(answer, null, 2)}\n`);
    return;
  }
  const style = styleFor(io.stdout, io.env);
  const rows = answer.clients.map(
    ({ id, known, active, inFlight, streams, sessions = 0, breaker, usage }) => [
      style("bold", printable(id)),
      known ? "key" : "-",
      active ? "active" : "idle",
      String(inFlight),
      String(streams),
      String(sessions),
      breaker === "closed" || breaker === "off" ? breaker : style("yellow", breaker),
      ...["requests", "refused", "errors", "bytesIn", "bytesOut"].map((name) => String(usage[name] ?? 0)),
    ],
  );
  const header = [
    "CLIENT",
    "KNOWN BY",
    "STATE",
    "NOW",
    "STREAMS",
    "SESSIONS",
    "BREAKER",
    "REQUESTS",
    "REFUSED",
    "ERRORS",
    "BYTES IN",
    "BYTES OUT",
  ];
  io.stdout.write(`${formatTable(header, rows)}\n`);
}
