// What a call costs on its way through the gateway, beside nothing at all in the way, nginx, and a proxy made of the
// official SDK: CPU per call of the process in the middle, throughput, latency, memory. Rounds are interleaved.
import { execFileSync } from "node:child_process";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type LoadResult, runLoad, warmUp } from "../load.ts";
import { type MeasuredProcess, startMeasured } from "../process.ts";
import { pairedRatio, type Spread, spread } from "../statistics.ts";

export interface OverheadOptions {
  readonly rounds: number;
  readonly calls: number;
  readonly warmUpCalls: number;
  readonly concurrency: number;
  readonly payloadBytes: number;
  /** Targets to leave out. */
  readonly without?: readonly string[];
  readonly onProgress: (line: string) => void;
}

/** What one target was measured at, over all rounds. */
export interface TargetResult {
  readonly name: string;
  readonly callsPerSecond: Spread;
  readonly p50Ms: Spread;
  readonly p99Ms: Spread;
  /** Of the process in the middle; for `direct`, of the upstream itself. Microseconds. */
  readonly cpuPerCallUs: Spread;
  readonly rssMiB: Spread;
  /** Calls answered with an error, over all rounds. */
  readonly errors: number;
  /** CPU per call relative to the baseline's, round by round; null for the baseline. */
  readonly cpuRatio: Spread | null;
}

export interface OverheadResult {
  readonly scenario: "overhead";
  readonly options: Omit<OverheadOptions, "onProgress" | "without">;
  /** The target that ratios are relative to: nginx where there is one, else the SDK proxy, else direct. */
  readonly baseline: string;
  readonly targets: readonly TargetResult[];
  readonly skipped: readonly string[];
}

const WARM_UP_MS = 3_000;

interface Target {
  readonly name: string;
  readonly url: string;
  readonly tool: string;
  readonly process: MeasuredProcess;
}

interface Sample extends LoadResult {
  readonly cpuPerCallUs: number;
  readonly rssMiB: number;
}

const file = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export async function runOverhead(options: OverheadOptions): Promise<OverheadResult> {
  const { rounds, without = [], onProgress } = options;
  const directory = await mkdtemp(join(tmpdir(), "fairlead-benchmark-"));
  const skipped: string[] = [...without.map((name) => `${name}: left out on request`)];
  const targets: Target[] = [];
  try {
    const port = await freePort();
    const upstreamUrl = `http://127.0.0.1:${port}/mcp`;
    const upstream = await startMeasured({
      command: process.execPath,
      args: [file("../targets/upstream.ts"), String(port)],
      readyUrl: upstreamUrl,
    });
    targets.push({ name: "direct", url: upstreamUrl, tool: "echo", process: upstream });
    for (const [name, start] of Object.entries({
      nginx: startNginx,
      gateway: startGateway,
      "sdk-proxy": startSdkProxy,
    })) {
      if (without.includes(name)) continue;
      const target = await start(upstreamUrl, directory);
      if (typeof target === "string") skipped.push(target);
      else targets.push(target);
    }
    for (const { name, url, tool } of targets) {
      onProgress(`warming up  ${name}`);
      await warmUp({ url, tool, ...options }, WARM_UP_MS);
    }
    const samples = new Map<string, Sample[]>(targets.map(({ name }) => [name, []]));
    for (let round = 1; round <= rounds; round++) {
      for (const target of targets) {
        const sample = await measure(target, options);
        samples.get(target.name)?.push(sample);
        onProgress(
          `round ${round}/${rounds}  ${target.name.padEnd(10)} ${Math.round(sample.calls / sample.seconds)} calls/s  ${sample.cpuPerCallUs.toFixed(1)} µs CPU per call`,
        );
      }
    }
    return summarize(options, samples, skipped);
  } finally {
    await Promise.all(targets.map((target) => target.process.stop()));
    await rm(directory, { recursive: true, force: true });
  }
}

async function measure({ url, tool, process: measured }: Target, options: OverheadOptions): Promise<Sample> {
  let cpuBefore = 0;
  const load = await runLoad({ url, tool, ...options }, () => {
    cpuBefore = measured.cpuUs();
  });
  return {
    ...load,
    cpuPerCallUs: (measured.cpuUs() - cpuBefore) / load.calls,
    rssMiB: measured.rssBytes() / 2 ** 20,
  };
}

function summarize(
  all: OverheadOptions,
  samples: ReadonlyMap<string, readonly Sample[]>,
  skipped: readonly string[],
): OverheadResult {
  const { rounds, calls, warmUpCalls, concurrency, payloadBytes } = all;
  const options = { rounds, calls, warmUpCalls, concurrency, payloadBytes };
  const baseline = ["nginx", "sdk-proxy", "direct"].find((name) => samples.has(name)) ?? "direct";
  const cpu = (name: string): number[] => (samples.get(name) ?? []).map(({ cpuPerCallUs }) => cpuPerCallUs);
  const targets = [...samples].map(
    ([name, taken]): TargetResult => ({
      name,
      callsPerSecond: spread(taken.map(({ calls, seconds }) => calls / seconds)),
      p50Ms: spread(taken.map(({ p50Ms }) => p50Ms)),
      p99Ms: spread(taken.map(({ p99Ms }) => p99Ms)),
      cpuPerCallUs: spread(cpu(name)),
      rssMiB: spread(taken.map(({ rssMiB }) => rssMiB)),
      errors: taken.reduce((sum, { errors }) => sum + errors, 0),
      cpuRatio: name === baseline || name === "direct" ? null : pairedRatio(cpu(name), cpu(baseline)),
    }),
  );
  return { scenario: "overhead", options, baseline, targets, skipped };
}

async function startGateway(upstreamUrl: string, directory: string): Promise<Target> {
  const port = await freePort();
  const config = join(directory, "gateway.json");
  await writeFile(
    config,
    JSON.stringify({
      server: { port },
      logging: { level: "error" },
      pools: { pool: { upstreams: [{ url: upstreamUrl }] } },
    }),
  );
  const started = await startMeasured({
    command: process.execPath,
    args: [
      "--conditions=@fairlead/source",
      fileURLToPath(import.meta.resolve("@fairlead/gateway")).replace(/index\.(ts|js)$/, "main.$1"),
      "--config",
      config,
    ],
    readyUrl: `http://127.0.0.1:${port}/readyz`,
  });
  return { name: "gateway", url: `http://127.0.0.1:${port}/mcp`, tool: "pool__echo", process: started };
}

async function startSdkProxy(upstreamUrl: string): Promise<Target> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}/mcp`;
  const args = [file("../targets/sdk-proxy.ts"), String(port), upstreamUrl];
  return {
    name: "sdk-proxy",
    url,
    tool: "echo",
    process: await startMeasured({ command: process.execPath, args, readyUrl: url }),
  };
}

async function startNginx(upstreamUrl: string, directory: string): Promise<Target | string> {
  try {
    execFileSync("nginx", ["-v"], { stdio: "ignore" });
  } catch {
    return "nginx: not installed";
  }
  const port = await freePort();
  const { host } = new URL(upstreamUrl);
  await mkdir(join(directory, "logs"));
  await writeFile(
    join(directory, "nginx.conf"),
    `daemon off; master_process off; pid nginx.pid; error_log stderr error;
events { worker_connections 1024; }
http {
  access_log off; client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
  upstream mcp { server ${host}; keepalive 64; }
  server {
    listen 127.0.0.1:${port};
    location / { proxy_pass http://mcp; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_buffering off; }
  }
}
`,
  );
  const url = `http://127.0.0.1:${port}/mcp`;
  const args = ["-p", directory, "-c", "nginx.conf"];
  return {
    name: "nginx",
    url,
    tool: "echo",
    process: await startMeasured({ command: "nginx", args, readyUrl: url }),
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address !== null ? address.port : 0));
    });
  });
}
