// `fairlead doctor`: why can a client not connect? Looks at one thing after the other, and stops being polite about causes.

import { lookup } from "node:dns/promises";
import { readFile } from "node:fs/promises";
import { connect } from "node:net";
import { mcpHosts, planHostConfig } from "@fairlead/lmstudio/hosts";
import type { Command } from "commander";
import { apiUrl } from "../admin-client.ts";
import { withClient } from "../connection.ts";
import { authorization } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { fetchStatus } from "../fetch-status.ts";
import { type Finding, formatChecks } from "../format/checks.ts";
import { styleFor } from "../format/style.ts";
import type { CliIo } from "../io.ts";
import { withSpinner } from "../progress.ts";
import { resolveTarget } from "../target.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

interface DoctorOptions extends RemoteOptions {
  readonly config: string;
}

const CONNECT_TIMEOUT_MS = 3_000;

export function describeDoctor(program: Command, context: CommandContext): void {
  const { io, done } = context;
  remote(
    program
      .command("doctor")
      .description(
        "Find out why a client cannot connect: Node, configuration, network, gateway, servers, hosts' files.",
      ),
    context,
  )
    .option("--config <file>", "the gateway's configuration, if it is here", "fairlead.config.yaml")
    .action(async (options: DoctorOptions) => {
      const findings = await withSpinner(io, "looking", () => examine(options, io));
      const failed = findings.some(({ state }) => state === "failed");
      io.stdout.write(
        options.json === true
          ? `${JSON.stringify({ findings }, null, 2)}\n`
          : `${formatChecks(findings, styleFor(io.stdout, io.env))}\n`,
      );
      done(failed ? exitCodes.protocol : exitCodes.ok);
    });
}

async function examine(options: DoctorOptions, io: CliIo): Promise<readonly Finding[]> {
  const findings: Finding[] = [node(), await configuration(options.config, io)];
  const { mcp } = resolveTarget(options.url);
  const reach = await network(mcp);
  findings.push(reach);
  if (reach.state === "failed") return [...findings, ...(await hosts(mcp, io))];
  const headers = await authorization(options, io);
  findings.push(await gateway(options, headers));
  findings.push(await handshake(mcp, headers, io));
  findings.push(...(await servers(options, headers)));
  return [...findings, ...(await hosts(mcp, io))];
}

function node(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const isOld = major < 22 || (major === 22 && minor < 19);
  return {
    name: "Node",
    state: isOld ? "failed" : "ok",
    message: process.versions.node,
    ...(isOld ? { fix: "install Node 22.19 or newer" } : {}),
  };
}

async function configuration(file: string, io: CliIo): Promise<Finding> {
  const exists = await readFile(file).then(
    () => true,
    () => false,
  );
  if (!exists) return { name: "Configuration", state: "skipped", message: `${file} is not here` };
  const { checkConfig } = await import("@fairlead/gateway");
  const { errors, warnings } = await checkConfig(file, { ...io.env });
  const [first] = errors;
  if (first !== undefined)
    return {
      name: "Configuration",
      state: "failed",
      message: `${file}:${first.line ?? 1}: ${first.path}: ${first.message}`,
      fix: `"fairlead config check ${file}" shows all ${errors.length}`,
    };
  return { name: "Configuration", state: "ok", message: `${file} can be used, ${warnings.length} warnings` };
}

async function network({ hostname, port, protocol }: URL): Promise<Finding> {
  const host = hostname.replace(/^\[|\]$/g, "");
  const number = port === "" ? (protocol === "https:" ? 443 : 80) : Number(port);
  try {
    await lookup(host);
  } catch {
    return {
      name: "Network",
      state: "failed",
      message: `the name ${host} has no address`,
      fix: "correct --url",
    };
  }
  const error = await new Promise<NodeJS.ErrnoException | undefined>((resolve) => {
    const socket = connect({ host, port: number, timeout: CONNECT_TIMEOUT_MS }, () => {
      socket.destroy();
      resolve(undefined);
    });
    socket.on("timeout", () => {
      socket.destroy();
      const late: NodeJS.ErrnoException = new Error("no answer in time");
      late.code = "ETIMEDOUT";
      resolve(late);
    });
    socket.on("error", resolve);
  });
  if (error === undefined)
    return { name: "Network", state: "ok", message: `something listens at ${host}:${number}` };
  const isRefused = error.code === "ECONNREFUSED";
  return {
    name: "Network",
    state: "failed",
    message: isRefused
      ? `nothing listens at ${host}:${number}`
      : `${host}:${number} cannot be reached (${error.code})`,
    fix: isRefused
      ? 'start the gateway with "fairlead serve", or correct --url (another port?)'
      : "look at the firewall between here and there; a gateway on 127.0.0.1 is not reached from other machines",
  };
}

async function gateway(options: DoctorOptions, headers: Record<string, string>): Promise<Finding> {
  const ready = apiUrl(options.url, "");
  ready.pathname = ready.pathname.replace(/\/api$/, "/readyz");
  try {
    const response = await fetch(ready, { headers, signal: AbortSignal.timeout(CONNECT_TIMEOUT_MS) });
    const text = await response.text();
    if (response.status === 403)
      return {
        name: "Gateway",
        state: "failed",
        message: `it refuses the name ${ready.host}`,
        fix: "use http://127.0.0.1, or add the name to server.allowedHosts in its configuration",
      };
    if (response.status !== 200 && response.status !== 503)
      return {
        name: "Gateway",
        state: "failed",
        message: `${ready.href} answered HTTP ${response.status}; that is no Fairlead gateway`,
        fix: "another program listens there; choose another port with --port, or correct --url",
      };
    const isReady = response.status === 200;
    return {
      name: "Gateway",
      state: isReady ? "ok" : "warning",
      message: isReady ? "ready" : `not ready: ${text.trim().slice(0, 100)}`,
      ...(isReady ? {} : { fix: "no server behind it is ready; see below" }),
    };
  } catch (error) {
    return {
      name: "Gateway",
      state: "failed",
      message: `it takes connections, but does not answer (${error instanceof Error ? error.message : ""})`,
      fix: "it may hang, or speak TLS: try https:// in --url; look at its log",
    };
  }
}

async function handshake(mcp: URL, headers: Record<string, string>, io: CliIo): Promise<Finding> {
  try {
    const tools = await withClient(
      mcp,
      io.interrupt(),
      async ({ client }) => (await client.listTools()).tools.length,
      { headers, connectTimeoutMs: CONNECT_TIMEOUT_MS },
    );
    const isEmpty = tools === 0;
    return {
      name: "MCP",
      state: isEmpty ? "warning" : "ok",
      message: `a client can connect, and sees ${tools} tools`,
      ...(isEmpty ? { fix: "no server is ready, or the client's view leaves everything out" } : {}),
    };
  } catch (error) {
    const status = error instanceof CliError ? error.details?.["status"] : undefined;
    const fixes: Readonly<Record<number, string>> = {
      401: "the gateway wants a key: --key, or FAIRLEAD_KEY; `fairlead clients key` makes one",
      403: "the key may not, or the Host or Origin header is not the gateway's; see server.allowedHosts",
      404: "the path is wrong: everything is at /mcp, a pool at /mcp/<pool>, a view at /mcp/<view>",
      429: "a limit of this client is reached: clients.limits in the configuration",
    };
    return {
      name: "MCP",
      state: "failed",
      message: error instanceof Error ? error.message : String(error),
      fix: fixes[Number(status)] ?? (error instanceof CliError ? error.fix : "look at the gateway's log"),
    };
  }
}

async function servers(options: DoctorOptions, headers: Record<string, string>): Promise<readonly Finding[]> {
  try {
    const { problems, pools } = await fetchStatus(options.url, { headers });
    const count = pools.flatMap(({ replicas }) => replicas).length;
    if (problems.length === 0) return [{ name: "Servers", state: "ok", message: `all ${count} are well` }];
    return problems.map(({ message, fix }) => ({ name: "Servers", state: "warning" as const, message, fix }));
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return [{ name: "Servers", state: "skipped", message: `their state cannot be seen: ${message}` }];
  }
}

/** Which hosts' files name this gateway, and whether they name it rightly. */
async function hosts(mcp: URL, io: CliIo): Promise<readonly Finding[]> {
  const home = io.env["HOME"];
  const findings: Finding[] = [];
  for (const host of mcpHosts) {
    try {
      const plan = await planHostConfig({
        host,
        name: "fairlead",
        entry: null,
        ...(home === undefined ? {} : { home }),
      });
      if (plan.before === "") continue;
      if (!plan.changed) {
        findings.push({
          name: host,
          state: "skipped",
          message: `has no entry "fairlead"; "fairlead connect ${host}" writes one`,
        });
        continue;
      }
      const isSame =
        plan.before.includes(mcp.href) || plan.before.includes(mcp.href.replace("127.0.0.1", "localhost"));
      findings.push({
        name: host,
        state: isSame ? "ok" : "warning",
        message: isSame
          ? `points to ${mcp.href}`
          : `has an entry "fairlead" that does not point to ${mcp.href}`,
        ...(isSame ? {} : { fix: `"fairlead connect ${host} --url ${mcp.origin}" corrects it` }),
      });
    } catch (error) {
      findings.push({
        name: host,
        state: "failed",
        message: error instanceof Error ? error.message : String(error),
        fix: "correct its file; the host cannot read it either",
      });
    }
  }
  return findings;
}
