// Numbers per slot that grow with the slots. The array is replaced when it grows: read it anew each time.

export interface SlotArray {
  values: Float64Array;
  /** Makes room for `slot`. */
  reserve(slot: number): void;
}

/** Creates the array; every entry is `initial` until it is set. */
export function createSlotArray(initial = 0): SlotArray {
  const array = {
    values: new Float64Array(8).fill(initial),
    reserve(slot: number): void {
      if (slot < array.values.length) return;
      const larger = new Float64Array(Math.max(slot + 1, 2 * array.values.length)).fill(initial);
      larger.set(array.values);
      array.values = larger;
    },
  };
  return array;
}
