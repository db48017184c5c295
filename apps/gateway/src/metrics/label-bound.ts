// Bounds the values of a label: whoever invents names must not invent time series.

const OTHER = "_other";

/** The first `max` names are kept as they are; all later ones become `_other`. */
export function createLabelBound(max: number): (name: string) => string {
  const known = new Set<string>();
  return (name) => {
    if (known.has(name)) return name;
    if (known.size >= max) return OTHER;
    known.add(name);
    return name;
  };
}
