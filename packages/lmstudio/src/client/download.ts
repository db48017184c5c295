// Downloads: a job at the host, whose state is asked for until it has ended.
import type { Clock } from "@fairlead/core";
import { errorOfBody, field, parsed } from "./classify.ts";
import { LmStudioError } from "./errors.ts";
import type { Host } from "./host.ts";

export interface DownloadRequest {
  readonly model: string;
  /** For example `Q4_K_M`. @defaultValue the host's choice */
  readonly quantization?: string;
  /** Told once a second. */
  readonly onProgress?: (progress: DownloadProgress) => void;
}

export interface DownloadProgress {
  readonly downloadedBytes: number;
  readonly totalBytes: number | undefined;
  readonly bytesPerSecond: number | undefined;
}

export interface DownloadResult {
  readonly host: string;
  readonly status: "completed" | "already-downloaded";
}

const askEveryMs = 1_000;

/** @throws LmStudioError `MODEL_NOT_FOUND`, or `DOWNLOAD_FAILED` when it ends otherwise. */
export async function download(
  host: Host,
  { model, quantization, onProgress = () => {} }: DownloadRequest,
  clock: Clock,
  signal: AbortSignal,
): Promise<DownloadResult> {
  const facts = { host: host.name, model };
  const body = { model, ...(quantization === undefined ? {} : { quantization }) };
  let job = await ask({ method: "POST", path: "/api/v1/models/download", body });
  if (field(job, "status") === "already_downloaded") return { host: host.name, status: "already-downloaded" };
  const path = `/api/v1/models/download/status/${encodeURIComponent(String(field(job, "job_id")))}`;
  for (;;) {
    const status = field(job, "status");
    onProgress({
      downloadedBytes: numberOf(field(job, "downloaded_bytes")) ?? 0,
      totalBytes: numberOf(field(job, "total_size_bytes")),
      bytesPerSecond: numberOf(field(job, "bytes_per_second")),
    });
    if (status === "completed") {
      host.residency.stale();
      return { host: host.name, status: "completed" };
    }
    if (status !== "downloading" && status !== "paused")
      throw new LmStudioError(
        "DOWNLOAD_FAILED",
        `The download of ${model} ended as ${String(status)}`,
        facts,
      );
    await clock.sleep(askEveryMs, signal);
    job = await ask({ method: "GET", path });
  }

  async function ask(request: { method: "GET" | "POST"; path: string; body?: unknown }): Promise<unknown> {
    const { status, text } = await host.transport
      .send(request, signal)
      .then(async (answer) => ({ status: answer.status, text: await answer.text() }));
    const value = parsed(text);
    if (status !== 200 || typeof field(value, "status") !== "string") throw errorOfBody(status, text, facts);
    return value;
  }
}

function numberOf(value: unknown): number | undefined {
  return typeof value === "number" ? value : undefined;
}
