// The targets that need nothing to be installed: the gateway, nginx where the system has it, and a proxy of the SDK's.
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { NO_LIMITS } from "../gateway.ts";
import { startMeasured } from "../process.ts";
import { fileOf, freePort, type StartTarget, type Target } from "./target.ts";

export const startGateway: StartTarget = ({ kind, upstreamUrl, stdio, directory }) =>
  startGatewayWith(
    {
      pool: { upstreams: [kind.upstream === "stdio" ? stdio : { url: upstreamUrl, era: kind.era }] },
    },
    directory,
  );

/** The gateway with the given pools, as users start it. */
export async function startGatewayWith(
  pools: unknown,
  directory: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Target> {
  const port = await freePort();
  const config = join(await mkdtemp(join(directory, "gateway-")), "config.json");
  await writeFile(
    config,
    JSON.stringify({ server: { port }, logging: { level: "error" }, clients: NO_LIMITS, pools, ...more }),
  );
  const process_ = await startMeasured({
    command: process.execPath,
    args: [
      "--conditions=@fairlead/source",
      fileURLToPath(import.meta.resolve("@fairlead/gateway")).replace(/index\.(ts|js)$/, "main.$1"),
      "--config",
      config,
    ],
    readyUrl: `http://127.0.0.1:${port}/readyz`,
  });
  const url = `http://127.0.0.1:${port}/mcp`;
  return { name: "gateway", url, tool: "pool__echo", transport: "http", process: process_ };
}

export const startNginx: StartTarget = async ({ kind, upstreamUrl, directory }) => {
  if (kind.upstream === "stdio") return "nginx speaks HTTP only";
  try {
    execFileSync("nginx", ["-v"], { stdio: "ignore" });
  } catch {
    return "nginx is not installed";
  }
  const port = await freePort();
  const prefix = await mkdtemp(join(directory, "nginx-"));
  await mkdir(join(prefix, "logs"));
  await writeFile(
    join(prefix, "nginx.conf"),
    `daemon off; master_process off; pid nginx.pid; error_log stderr error;
events { worker_connections 4096; }
http {
  access_log off; client_max_body_size 16m; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream mcp { server ${new URL(upstreamUrl).host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`,
  );
  const url = `http://127.0.0.1:${port}/mcp`;
  const args = ["-p", prefix, "-c", "nginx.conf"];
  const process_ = await startMeasured({ command: "nginx", args, readyUrl: url });
  return { name: "nginx", url, tool: "echo", transport: "http", process: process_ };
};

export const startSdkV1Proxy: StartTarget = async ({ kind, upstreamUrl, stdio }) => {
  if (kind.era === "modern") return "version 1 of the SDK does not speak 2026-07-28";
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/mcp`;
  const upstream = kind.upstream === "stdio" ? [stdio.command, ...stdio.args] : [upstreamUrl];
  const process_ = await startMeasured({
    command: process.execPath,
    args: [fileOf("sdk-v1-proxy.ts"), String(port), ...upstream],
    readyUrl: url,
  });
  return { name: "sdk-v1-proxy", url, tool: "echo", transport: "http", process: process_ };
};

export const startSdkV2Proxy: StartTarget = async ({ kind, upstreamUrl, stdio }) => {
  if (kind.era === "legacy") return "measured with 2026-07-28 calls only, which it is made for";
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/mcp`;
  const upstream = kind.upstream === "stdio" ? [stdio.command, ...stdio.args] : [upstreamUrl];
  const process_ = await startMeasured({
    command: process.execPath,
    args: [fileOf("sdk-v2-proxy.ts"), String(port), ...upstream],
    readyUrl: url,
  });
  return { name: "sdk-v2-proxy", url, tool: "echo", transport: "http", process: process_ };
};
