// `fairlead verify`: does everything behind a gateway really work? Connects to every pool, runs what is safe to run, and looks
// whether calls are spread and move elsewhere when a server goes.
import type { Client, Tool } from "@modelcontextprotocol/client";
import type { Command } from "commander";
import { adminRequest } from "../admin-client.ts";
import { withClient } from "../connection.ts";
import { authorization } from "../credentials.ts";
import { CliError } from "../errors.ts";
import { exitCodes } from "../exit-codes.ts";
import { fetchStatus } from "../fetch-status.ts";
import { type Finding, formatChecks } from "../format/checks.ts";
import { styleFor } from "../format/style.ts";
import type { CliIo } from "../io.ts";
import { withSpinner } from "../progress.ts";
import { sampleArguments } from "../sample-arguments.ts";
import type { PoolReport } from "../status-report.ts";
import { resolveTarget } from "../target.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

interface VerifyOptions extends RemoteOptions {
  readonly failover?: boolean;
  readonly timeout: string;
  readonly pool?: readonly string[];
}

/** Calls per server of a pool when its balance is looked at. */
const CALLS_PER_SERVER = 8;

export function describeVerify(program: Command, context: CommandContext): void {
  const { io, done } = context;
  remote(
    program
      .command("verify")
      .description(
        "Check every server behind a gateway: connection, health, tools, balance, failover. Exits with 6 when something failed.",
      )
      .addHelpText(
        "after",
        `
Only tools that their servers annotate as read-only are run, with arguments made from their schemas. That a tool refuses made-up
arguments is no failure: it answered.

Examples:
  fairlead verify
  fairlead verify --pool search --failover`,
      ),
    context,
  )
    .option(
      "--pool <name>",
      "only this pool; repeatable",
      (name: string, before: string[]) => [...before, name],
      [],
    )
    .option("--failover", "also take one server of each pool out for a moment, as an operator")
    .option("--timeout <seconds>", "longest time for one call", "30")
    .action(async (options: VerifyOptions) => {
      const findings = await verify(options, io);
      const failed = findings.filter(({ state }) => state === "failed").length;
      const counts = `${findings.filter(({ state }) => state === "ok").length} ok, ${findings.filter(({ state }) => state === "warning").length} to look at, ${failed} failed, ${findings.filter(({ state }) => state === "skipped").length} not run`;
      io.stdout.write(
        options.json === true
          ? `${JSON.stringify({ ok: failed === 0, findings }, null, 2)}\n`
          : `${formatChecks(findings, styleFor(io.stdout, io.env))}\n\n${counts}\n`,
      );
      done(failed > 0 ? exitCodes.verification : exitCodes.ok);
    });
}

async function verify(options: VerifyOptions, io: CliIo): Promise<readonly Finding[]> {
  const timeoutMs = Number(options.timeout) * 1_000;
  if (!(timeoutMs > 0))
    throw new CliError("USAGE", `--timeout must be a number of seconds, got "${options.timeout}"`, {
      fix: "write --timeout 30",
    });
  const headers = await authorization(options, io);
  const status = await fetchStatus(options.url, { headers, signal: io.interrupt() });
  const wanted = options.pool ?? [];
  const missing = wanted.filter((name) => !status.pools.some(({ namespace }) => namespace === name));
  if (missing.length > 0)
    throw new CliError("USAGE", `there is no pool ${missing.join(", ")}`, {
      fix: `choose of ${status.pools.map(({ namespace }) => namespace).join(", ")}`,
    });
  const findings: Finding[] = [];
  for (const pool of status.pools) {
    if (wanted.length > 0 && !wanted.includes(pool.namespace)) continue;
    findings.push(...health(pool));
    findings.push(
      ...(await withSpinner(io, `checking ${pool.namespace}`, () =>
        checkPool(pool, options, { headers, timeoutMs }, io),
      )),
    );
  }
  return findings;
}

function health({ namespace, replicas }: PoolReport): readonly Finding[] {
  return replicas.map(({ id, status, breaker, reason, server }) => {
    if (String(status) === "disabled")
      return { name: `${namespace} health`, state: "skipped", message: `${id} is switched off` };
    const isWell = status === "ready" && breaker === "closed";
    return {
      name: `${namespace} health`,
      state: isWell ? "ok" : "failed",
      message: isWell
        ? `${id} is ready (${server?.name ?? "unnamed"} ${server?.version ?? ""})`
        : `${id} is ${status}, breaker ${breaker}${reason === null ? "" : `: ${reason}`}`,
      ...(isWell ? {} : { fix: "look at its log: fairlead logs; fairlead status names the next step" }),
    };
  });
}

interface CheckContext {
  readonly headers: Record<string, string>;
  readonly timeoutMs: number;
}

async function checkPool(
  pool: PoolReport,
  options: VerifyOptions,
  context: CheckContext,
  io: CliIo,
): Promise<readonly Finding[]> {
  const { namespace } = pool;
  const { mcp } = resolveTarget(options.url);
  const endpoint = new URL(
    `${mcp.origin}${mcp.pathname.replace(/\/mcp.*$/, "")}${pool.path || `/mcp/${namespace}`}`,
  );
  const findings: Finding[] = [];
  try {
    await withClient(
      endpoint,
      io.interrupt(),
      async ({ client }) => {
        const { tools } = await client.listTools();
        findings.push({
          name: `${namespace} connection`,
          state: "ok",
          message: `a client can connect and sees ${tools.length} tools`,
        });
        const safe = tools.filter(({ annotations }) => annotations?.readOnlyHint === true);
        const runnable: Tool[] = [];
        for (const tool of safe) {
          const finding = await runTool(client, tool, namespace, context.timeoutMs);
          findings.push(finding);
          if (finding.state === "ok") runnable.push(tool);
        }
        const left = tools.length - safe.length;
        if (left > 0)
          findings.push({
            name: `${namespace} tools`,
            state: "skipped",
            message: `${left} of ${tools.length} tools are not annotated as read-only and were not run`,
          });
        const [probe] = runnable;
        findings.push(...(await checkBalance(client, probe, pool, options, context)));
        if (options.failover === true)
          findings.push(...(await checkFailover(client, probe, pool, options, context, io)));
      },
      { headers: context.headers },
    );
  } catch (error) {
    findings.push({
      name: `${namespace} connection`,
      state: "failed",
      message: error instanceof Error ? error.message : String(error),
      fix: `"fairlead doctor --url ${endpoint.href}" finds out why`,
    });
  }
  return findings;
}

async function runTool(client: Client, tool: Tool, namespace: string, timeout: number): Promise<Finding> {
  const name = `${namespace} tool`;
  const args = sampleArguments(tool.inputSchema);
  if (args === undefined)
    return { name, state: "skipped", message: `${tool.name}: no arguments could be made from its schema` };
  const startedAt = performance.now();
  try {
    const result = await client.callTool(
      { name: tool.name, arguments: { ...args } },
      { timeout, toolDefinition: tool },
    );
    const took = `${Math.round(performance.now() - startedAt)} ms`;
    return result.isError === true
      ? {
          name,
          state: "warning",
          message: `${tool.name} answered in ${took} that it cannot with made-up arguments`,
        }
      : { name, state: "ok", message: `${tool.name} answered in ${took}` };
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    // -32602: the tool's own check of its arguments.
    const isRefusal = (error as { code?: unknown }).code === -32602;
    return isRefusal
      ? { name, state: "warning", message: `${tool.name} refuses made-up arguments: ${message}` }
      : {
          name,
          state: "failed",
          message: `${tool.name}: ${message}`,
          fix: `fairlead call ${namespace}__${tool.name} shows it again`,
        };
  }
}

async function checkBalance(
  client: Client,
  probe: Tool | undefined,
  pool: PoolReport,
  options: VerifyOptions,
  { headers, timeoutMs }: CheckContext,
): Promise<readonly Finding[]> {
  const name = `${pool.namespace} balance`;
  const serving = pool.replicas.filter(({ status }) => status === "ready");
  if (serving.length < 2) return [{ name, state: "skipped", message: "one server: nothing to balance" }];
  if (probe === undefined) return [{ name, state: "skipped", message: "no read-only tool could be run" }];
  const before = await callsOf(pool.namespace, options.url, headers);
  const total = serving.length * CALLS_PER_SERVER;
  await Promise.all(Array.from({ length: total }, () => call(client, probe, timeoutMs)));
  const after = await callsOf(pool.namespace, options.url, headers);
  const shares = serving.map(({ id }) => `${id} ${(after.get(id) ?? 0) - (before.get(id) ?? 0)}`);
  const idle = serving.filter(({ id }) => (after.get(id) ?? 0) === (before.get(id) ?? 0));
  // Servers of a lower priority only serve when the others cannot.
  return [
    {
      name,
      state: idle.length === 0 ? "ok" : "warning",
      message: `${total} calls: ${shares.join(", ")} (${pool.strategy})`,
      ...(idle.length === 0
        ? {}
        : {
            fix: `${idle.map(({ id }) => id).join(", ")} got none: a lower priority, or the strategy keeps to one server`,
          }),
    },
  ];
}

async function checkFailover(
  client: Client,
  probe: Tool | undefined,
  pool: PoolReport,
  options: VerifyOptions,
  { timeoutMs }: CheckContext,
  io: CliIo,
): Promise<readonly Finding[]> {
  const name = `${pool.namespace} failover`;
  const [victim, other] = pool.replicas.filter(({ status }) => status === "ready");
  if (victim === undefined || other === undefined)
    return [{ name, state: "skipped", message: "one server: nobody to fail over to" }];
  if (probe === undefined) return [{ name, state: "skipped", message: "no read-only tool could be run" }];
  const path = `/servers/${encodeURIComponent(victim.id)}`;
  const order = (verb: string): Promise<unknown> =>
    adminRequest(
      options,
      { method: "POST", path: `${path}/${verb}`, body: {}, doing: `${verb} ${victim.id}` },
      io,
    );
  try {
    const calls = Promise.allSettled(
      Array.from({ length: CALLS_PER_SERVER }, () => call(client, probe, timeoutMs)),
    );
    await order("failover");
    const during = await Promise.allSettled(
      Array.from({ length: CALLS_PER_SERVER }, () => call(client, probe, timeoutMs)),
    );
    const failed = [...(await calls), ...during].filter(({ status }) => status === "rejected").length;
    return [
      {
        name,
        state: failed === 0 ? "ok" : "failed",
        message: `${victim.id} was taken out: ${failed} of ${2 * CALLS_PER_SERVER} calls failed`,
        ...(failed === 0 ? {} : { fix: `"fairlead logs" shows what happened` }),
      },
    ];
  } catch (error) {
    return [
      {
        name,
        state: "failed",
        message: error instanceof Error ? error.message : String(error),
        fix: "pass the operators' token with --key",
      },
    ];
  } finally {
    await order("undrain").catch(() => undefined);
  }
}

async function call(client: Client, tool: Tool, timeout: number): Promise<void> {
  await client.callTool(
    { name: tool.name, arguments: { ...sampleArguments(tool.inputSchema) } },
    { timeout, toolDefinition: tool },
  );
}

async function callsOf(
  namespace: string,
  url: string,
  headers: Record<string, string>,
): Promise<ReadonlyMap<string, number>> {
  const { pools } = await fetchStatus(url, { headers });
  const pool = pools.find((candidate) => candidate.namespace === namespace);
  return new Map(pool?.replicas.map(({ id, calls }) => [id, calls]));
}
