// Sends spans to a collector: OTLP over HTTP, as JSON (opentelemetry-proto 1.x). Bounded; a collector that is slow or gone
// costs spans, never calls.

export interface SpanData {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  /** Another span that has to do with it. */
  readonly link?: { readonly traceId: string; readonly spanId: string } | undefined;
  readonly name: string;
  readonly kind: "server" | "client";
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
  readonly endedAt: number;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  /** What went wrong; undefined when nothing did. */
  readonly error: string | undefined;
}

export interface SpanExporter {
  export(span: SpanData): void;
  /** Sends what is left. */
  close(): Promise<void>;
}

export interface SpanExporterOptions {
  readonly endpoint: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly serviceName: string;
  readonly serviceVersion: string;
  /** Told of the first failure after a success. */
  readonly onProblem: (error: unknown) => void;
}

const MAX_QUEUE = 2_048;
const BATCH = 512;
const FLUSH_MS = 5_000;
const TIMEOUT_MS = 10_000;
const KINDS = { server: 2, client: 3 } as const;
const STATUS_ERROR = 2;

export function createSpanExporter(options: SpanExporterOptions): SpanExporter {
  const { endpoint, headers, serviceName, serviceVersion, onProblem } = options;
  let queue: SpanData[] = [];
  let sending: Promise<void> | undefined;
  let isWell = true;
  const timer = setInterval(() => void flush(), FLUSH_MS);
  timer.unref();

  return {
    export(span) {
      if (queue.length >= MAX_QUEUE) return;
      queue.push(span);
      if (queue.length >= BATCH) void flush();
    },
    async close() {
      clearInterval(timer);
      await sending;
      await flush();
    },
  };

  function flush(): Promise<void> {
    sending ??= (async () => {
      while (queue.length > 0) {
        const batch = queue.slice(0, BATCH);
        queue = queue.slice(BATCH);
        if (!(await send(batch))) break;
      }
      sending = undefined;
    })();
    return sending;
  }

  async function send(spans: readonly SpanData[]): Promise<boolean> {
    try {
      const response = await fetch(endpoint, {
        method: "POST",
        headers: { "content-type": "application/json", ...headers },
        body: JSON.stringify(payload(spans)),
        signal: AbortSignal.timeout(TIMEOUT_MS),
        redirect: "error",
      });
      await response.body?.cancel();
      if (!response.ok) throw new Error(`the collector answered HTTP ${response.status}`);
      isWell = true;
      return true;
    } catch (error) {
      if (isWell) onProblem(error);
      isWell = false;
      return false;
    }
  }

  function payload(spans: readonly SpanData[]): unknown {
    return {
      resourceSpans: [
        {
          resource: {
            attributes: attributes({ "service.name": serviceName, "service.version": serviceVersion }),
          },
          scopeSpans: [
            { scope: { name: "@fairlead/gateway", version: serviceVersion }, spans: spans.map(print) },
          ],
        },
      ],
    };
  }
}

function print(span: SpanData): unknown {
  const { traceId, spanId, parentSpanId, link, name, kind, startedAt, endedAt, error } = span;
  return {
    traceId,
    spanId,
    ...(parentSpanId === undefined ? {} : { parentSpanId }),
    name,
    kind: KINDS[kind],
    startTimeUnixNano: nanoseconds(startedAt),
    endTimeUnixNano: nanoseconds(endedAt),
    attributes: attributes(span.attributes),
    ...(link === undefined ? {} : { links: [{ traceId: link.traceId, spanId: link.spanId }] }),
    ...(error === undefined ? {} : { status: { code: STATUS_ERROR, message: error } }),
  };
}

function attributes(values: Readonly<Record<string, string | number | boolean>>): unknown[] {
  return Object.entries(values).map(([key, value]) => ({
    key,
    value:
      typeof value === "string"
        ? { stringValue: value }
        : typeof value === "boolean"
          ? { boolValue: value }
          : Number.isInteger(value)
            ? { intValue: String(value) }
            : { doubleValue: value },
  }));
}

/** As text, because the number is beyond what a double holds. */
function nanoseconds(ms: number): string {
  return `${BigInt(Math.round(ms * 1_000))}000`;
}
