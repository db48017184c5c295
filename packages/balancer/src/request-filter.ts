// Filters of one request, and the endpoints whose `admit` refused it. Holds the request while a list is
// narrowed, so that no closure is made per pick.
import type { AcquireRequest } from "./acquire-request.ts";
import type { EndpointRecord, Table } from "./table.ts";

/** Why a request does not get an endpoint that is otherwise eligible. */
export type FilterReason = "excluded" | "lacks-capability" | "lacks-tag";

export interface RequestFilter {
  /** `true` for slots that the request set by {@link begin} may get. */
  readonly accepts: (slot: number) => boolean;
  begin(request: AcquireRequest | undefined): void;
  /** Leaves the slot out until {@link end}. */
  refuse(slot: number): void;
  end(): void;
}

/** Creates the filter. */
export function createRequestFilter(table: Table): RequestFilter {
  let current: AcquireRequest | undefined;
  const refused: number[] = [];
  return {
    accepts: (slot) =>
      !refused.includes(slot) &&
      (current === undefined || rejects(table.record(slot), current) === undefined),
    begin(request) {
      current = request;
    },
    refuse(slot) {
      refused.push(slot);
    },
    end() {
      current = undefined;
      refused.length = 0;
    },
  };
}

/** `true` when the request has any filter. */
export function hasFilters(request: AcquireRequest): boolean {
  return request.exclude !== undefined || request.capabilities !== undefined || request.tags !== undefined;
}

/** Why the endpoint is not for this request, if so. */
export function rejects(record: EndpointRecord, request: AcquireRequest): FilterReason | undefined {
  const { exclude, capabilities, tags } = request;
  if (exclude !== undefined) for (const id of exclude) if (id === record.id) return "excluded";
  if (capabilities !== undefined)
    for (const capability of capabilities)
      if (!record.capabilities.has(capability)) return "lacks-capability";
  if (tags !== undefined) for (const tag of tags) if (!record.tags.has(tag)) return "lacks-tag";
  return undefined;
}
