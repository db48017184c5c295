// `POST /api/v1/models/download` and the state of such a job. Bytes come by the clock; when all have come, the model is there.
import type { Clock } from "@fairlead/core";
import type { Memory } from "./memory.ts";
import type { Model, Settings } from "./options.ts";
import { nativeError } from "./refusal.ts";
import { seededId } from "./tokens.ts";

interface Job {
  readonly id: string;
  readonly model: Model;
  /** On the clock's scale. */
  readonly since: number;
  /** For people. */
  readonly startedAt: string;
}

export interface Downloads {
  /** @throws {@link Refusal} for a model that nobody offers. */
  start(key: string): object;
  /** @throws {@link Refusal} for a job that is none. */
  status(id: string): object;
}

/** Jobs that are remembered. */
const maxJobs = 100;

export function createDownloads(settings: Settings, memory: Memory): Downloads {
  const { clock, downloadBytesPerSecond: rate, seed } = settings;
  const jobs = new Map<string, Job>();
  let count = 0;

  return {
    start(key) {
      const model = settings.models.find((candidate) => candidate.key === key);
      if (model === undefined) throw nativeError(404, "model_not_found", `Model "${key}" was not found`);
      if (memory.models().includes(model)) return { status: "already_downloaded" };
      const running = [...jobs.values()].find((job) => job.model === model);
      if (running !== undefined) return started(running);
      count += 1;
      const job = {
        id: `job_${seededId(seed, 1_000_000 + count, 16)}`,
        model,
        since: clock.now(),
        startedAt: new Date().toISOString(),
      };
      jobs.set(job.id, job);
      for (const id of jobs.keys()) if (jobs.size > maxJobs) jobs.delete(id);
      void arrive(job, clock);
      return started(job);
    },
    status(id) {
      const job = jobs.get(id);
      if (job === undefined) throw nativeError(404, "job_not_found", `No job with id "${id}"`);
      const { sizeBytes } = job.model;
      const bytes = Math.min(sizeBytes, Math.floor(((clock.now() - job.since) / 1_000) * rate));
      const done = bytes >= sizeBytes;
      const leftMs = ((sizeBytes - bytes) / rate) * 1_000;
      return {
        ...started(job),
        status: done ? "completed" : "downloading",
        downloaded_bytes: bytes,
        ...(done
          ? { completed_at: new Date().toISOString() }
          : { bytes_per_second: rate, estimated_completion: new Date(Date.now() + leftMs).toISOString() }),
      };
    },
  };

  async function arrive(job: Job, { sleep }: Clock): Promise<void> {
    await sleep((job.model.sizeBytes / rate) * 1_000);
    memory.addModel(job.model);
  }
}

function started({ id, model, startedAt }: Job): object {
  return { job_id: id, status: "downloading", total_size_bytes: model.sizeBytes, started_at: startedAt };
}
