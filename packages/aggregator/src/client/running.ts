// A client's requests that run, by the bytes of their ids. Open addressing with linear probing (Knuth, TAOCP 3, 6.4,
// algorithm R for deletion) rather than a Map, for the reason that upstream/id-table.ts gives, and so that no string is
// made of an id.
import { randomInt } from "node:crypto";
import type { Exchange } from "./client.ts";

const MIN_CAPACITY = 8;
const NONE: readonly undefined[] = [];
/** Unknown outside, so that nobody can choose ids that collide. */
const SEED = randomInt(2 ** 31);

export class RunningRequests {
  #slots: readonly (Exchange | undefined)[] | (Exchange | undefined)[] = NONE;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts a request in; false when one with the same id runs. */
  add(exchange: Exchange): boolean {
    if (this.#size * 2 >= this.#slots.length) this.#grow();
    const slots = this.#slots as (Exchange | undefined)[];
    const at = this.#placeOf(exchange.id);
    if (slots[at] !== undefined) return false;
    slots[at] = exchange;
    this.#size += 1;
    return true;
  }

  find(id: Uint8Array): Exchange | undefined {
    return this.#size === 0 ? undefined : this.#slots[this.#placeOf(id)];
  }

  delete(exchange: Exchange): void {
    if (this.#size === 0) return;
    const slots = this.#slots as (Exchange | undefined)[];
    const mask = slots.length - 1;
    let free = this.#placeOf(exchange.id);
    if (slots[free] !== exchange) return;
    slots[free] = undefined;
    this.#size -= 1;
    // Whoever had to go past the place that is free now moves there.
    for (let at = (free + 1) & mask; ; at = (at + 1) & mask) {
      const other = slots[at];
      if (other === undefined) return;
      const home = hash(other.id) & mask;
      if (((at - home) & mask) < ((at - free) & mask)) continue;
      slots[free] = other;
      slots[at] = undefined;
      free = at;
    }
  }

  values(): Exchange[] {
    return (this.#slots as (Exchange | undefined)[]).filter((exchange) => exchange !== undefined);
  }

  /** Where the id stands, or would. */
  #placeOf(id: Uint8Array): number {
    const mask = this.#slots.length - 1;
    let at = hash(id) & mask;
    for (let other = this.#slots[at]; other !== undefined; other = this.#slots[at]) {
      if (same(other.id, id)) return at;
      at = (at + 1) & mask;
    }
    return at;
  }

  #grow(): void {
    const old = this.values();
    const slots = new Array<Exchange | undefined>(Math.max(this.#slots.length * 2, MIN_CAPACITY)).fill(
      undefined,
    );
    this.#slots = slots;
    for (const exchange of old) slots[this.#placeOf(exchange.id)] = exchange;
  }
}

/** FNV-1a, begun with the seed and mixed at the end, since only the low bits are used. */
function hash(id: Uint8Array): number {
  let h = SEED;
  for (let at = 0; at < id.length; at++) h = Math.imul(h ^ (id[at] as number), 16_777_619);
  return h ^ (h >>> 15);
}

function same(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}
