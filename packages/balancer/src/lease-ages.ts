// Leases in the order in which they were handed out, so that the ones that nobody gave back are found at the
// front. A linked list through the leases: O(1) per lease, and no timer.
import type { LeaseRecord } from "./lease.ts";

export interface LeaseAges {
  add(lease: LeaseRecord): void;
  delete(lease: LeaseRecord): void;
  /** The oldest lease that is out. */
  oldest(): LeaseRecord | undefined;
}

/** Creates an empty list. */
export function createLeaseAges(): LeaseAges {
  let head: LeaseRecord | undefined;
  let tail: LeaseRecord | undefined;
  return {
    add(lease) {
      lease.older = tail;
      if (tail === undefined) head = lease;
      else tail.newer = lease;
      tail = lease;
    },
    delete(lease) {
      if (lease.older === undefined) head = lease.newer;
      else lease.older.newer = lease.newer;
      if (lease.newer === undefined) tail = lease.older;
      else lease.newer.older = lease.older;
      lease.older = undefined;
      lease.newer = undefined;
    },
    oldest: () => head,
  };
}
