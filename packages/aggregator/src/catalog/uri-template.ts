// Matches URIs against RFC 6570 templates in linear time and without regular expressions: templates come from
// servers, and a pattern built from one could be made to backtrack for minutes.

interface Part {
  /** Literal text behind the expression, up to the next expression. */
  readonly literal: string;
  /** Whether the expression before it may contain "/" (`{+path}`, `{/path*}`, `{#frag}`, …). */
  readonly crossesSlash: boolean;
}

export interface UriTemplate {
  matches(uri: string): boolean;
}

/** Longest URI that is matched, in characters. */
const MAX_URI_LENGTH = 8_192;
const RESERVED_OPERATORS = "+#/.;?&";

/** Compiles a template; text that is no well-formed expression counts as literal. */
export function compileUriTemplate(template: string): UriTemplate {
  const { head, parts } = parse(template);
  return {
    matches(uri) {
      if (uri.length > MAX_URI_LENGTH || !uri.startsWith(head)) return false;
      let at = head.length;
      for (const [index, { literal, crossesSlash }] of parts.entries()) {
        const isLast = index === parts.length - 1;
        const end = endOfExpression(uri, at, literal, isLast);
        if (end === -1) return false;
        if (!crossesSlash && uri.slice(at, end).includes("/")) return false;
        at = end + literal.length;
      }
      return at === uri.length;
    },
  };
}

/** Where the literal behind an expression begins: the last possible place for the last one, else the first. */
function endOfExpression(uri: string, from: number, literal: string, isLast: boolean): number {
  if (isLast)
    return uri.length - literal.length >= from && uri.endsWith(literal) ? uri.length - literal.length : -1;
  return uri.indexOf(literal, from);
}

function parse(template: string): { head: string; parts: Part[] } {
  const parts: Part[] = [];
  const first = template.indexOf("{");
  if (first === -1) return { head: template, parts };
  let open = first;
  while (open !== -1) {
    const close = template.indexOf("}", open);
    if (close === -1) break;
    const next = template.indexOf("{", close);
    const expression = template.slice(open + 1, close);
    parts.push({
      literal: template.slice(close + 1, next === -1 ? template.length : next),
      crossesSlash: RESERVED_OPERATORS.includes(expression[0] ?? "") || expression.endsWith("*"),
    });
    open = next;
  }
  return { head: template.slice(0, first), parts };
}
