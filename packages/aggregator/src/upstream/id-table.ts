// Things under numbers of their own, put in and taken out once per call. Not a Map: V8 replaces a Map's table every few
// insertions, and a replaced table that has reached the old generation keeps all that it held (and the next table)
// alive through every minor collection; with a Map per hop, each call survived until a major one.

const MIN_CAPACITY = 64;
/**
 * The last number that any table handed out. Shared by all, so that what a server says too late, after its connection was
 * opened anew, cannot be taken for the answer to something else.
 */
let lastId = 0;

/** A table from numbers that it hands out to values; no number is handed out twice in a process. */
export class IdTable<T> {
  #ids: Float64Array = new Float64Array(MIN_CAPACITY);
  #values: (T | undefined)[] = new Array<T | undefined>(MIN_CAPACITY).fill(undefined);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Puts a value in. @returns its number, from 1 */
  add(value: T): number {
    if (this.#size * 2 >= this.#values.length) this.#grow();
    const mask = this.#values.length - 1;
    // At most half of the places are taken, so a free one is near.
    do lastId += 1;
    while (this.#values[lastId & mask] !== undefined);
    this.#put(lastId, value);
    this.#size += 1;
    return lastId;
  }

  get(id: number): T | undefined {
    const at = id & (this.#values.length - 1);
    return this.#ids[at] === id ? this.#values[at] : undefined;
  }

  /** Takes a value out, or returns undefined when it is not there. */
  take(id: number): T | undefined {
    const at = id & (this.#values.length - 1);
    if (this.#ids[at] !== id) return undefined;
    const value = this.#values[at];
    if (value === undefined) return undefined;
    this.#values[at] = undefined;
    this.#size -= 1;
    return value;
  }

  /** What is in it now, in no order. */
  values(): T[] {
    return this.#values.filter((value) => value !== undefined);
  }

  clear(): void {
    this.#values.fill(undefined);
    this.#size = 0;
  }

  #put(id: number, value: T): void {
    const at = id & (this.#values.length - 1);
    this.#ids[at] = id;
    this.#values[at] = value;
  }

  /** Two numbers that differ in a short table's places differ in a longer one's too. */
  #grow(): void {
    const ids = this.#ids;
    const values = this.#values;
    this.#ids = new Float64Array(ids.length * 2);
    this.#values = new Array<T | undefined>(ids.length * 2).fill(undefined);
    for (const [at, value] of values.entries()) {
      if (value !== undefined) this.#put(ids[at] as number, value);
    }
  }
}
