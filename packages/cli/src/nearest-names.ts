// "Did you mean …?"

/** Up to `limit` names that contain the word or are a few typing errors away from it, nearest first. */
export function nearestNames(word: string, names: readonly string[], limit = 3): readonly string[] {
  const lower = word.toLowerCase();
  return names
    .map((name) => {
      const bare = name.toLowerCase();
      const last = bare.split("__").at(-1) ?? bare;
      const contains = lower.length > 2 && bare.includes(lower);
      return {
        name,
        distance: contains ? 0 : Math.min(editDistance(lower, bare), editDistance(lower, last)),
      };
    })
    .filter(({ distance }) => distance <= Math.max(1, Math.floor(word.length / 3)))
    .sort((one, other) => one.distance - other.distance || one.name.localeCompare(other.name))
    .slice(0, limit)
    .map(({ name }) => name);
}

/** Levenshtein distance, one row at a time. */
function editDistance(one: string, other: string): number {
  let row = Array.from({ length: other.length + 1 }, (_, index) => index);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (one[i - 1] === other[j - 1] ? 0 : 1);
      next.push(Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[other.length] ?? 0;
}
