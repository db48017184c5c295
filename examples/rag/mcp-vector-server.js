import { serveDocuments } from "./serve-documents.js";

await serveDocuments();
