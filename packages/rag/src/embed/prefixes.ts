// What the makers of common embedding models want before a text; left out, their retrieval gets notably worse.

interface Prefixes {
  readonly document: string;
  readonly query: string;
}

const KNOWN: readonly (readonly [RegExp, Prefixes])[] = [
  [/nomic-embed-text/i, { document: "search_document: ", query: "search_query: " }],
  [/(^|[/_-])(multilingual-)?e5-/i, { document: "passage: ", query: "query: " }],
  [/embeddinggemma/i, { document: "title: none | text: ", query: "task: search result | query: " }],
  [
    /bge-(small|base|large)-en|mxbai-embed/i,
    { document: "", query: "Represent this sentence for searching relevant passages: " },
  ],
  [
    /qwen3-embedding/i,
    {
      document: "",
      query: "Instruct: Given a web search query, retrieve relevant passages that answer the query\nQuery: ",
    },
  ],
];

/** Empty prefixes for models that are not known to want any. */
export function defaultPrefixes(model: string): Prefixes {
  return KNOWN.find(([pattern]) => pattern.test(model))?.[1] ?? { document: "", query: "" };
}
