// The tools that need their client: to ask its user, to sample its model, to know its roots.
import { type CallToolResult, ErrorCode, McpError } from "@modelcontextprotocol/sdk/types.js";
import { text } from "./content.ts";
import type { Outcome, ToolContext } from "./tools.ts";

/** A question to the client, in the wire's words. */
export type Question =
  | { readonly method: "elicitation/create"; readonly params: Elicitation }
  | { readonly method: "sampling/createMessage"; readonly params: Sampling }
  | { readonly method: "roots/list" };

interface Elicitation {
  readonly message: string;
  readonly requestedSchema: {
    readonly type: "object";
    readonly properties: Readonly<Record<string, unknown>>;
    readonly required: readonly string[];
  };
}

interface Sampling {
  readonly messages: readonly { role: "user"; content: { type: "text"; text: string } }[];
  readonly maxTokens: number;
}

/** What a tool still needs before it can complete. */
export interface Ask {
  readonly questions: Readonly<Record<string, Question>>;
  /** Comes back with the answers, or not at all. */
  readonly state?: Readonly<Record<string, unknown>>;
}

export function isAsk(outcome: Outcome): outcome is Ask {
  return "questions" in outcome;
}

type Answers = ToolContext["responses"];
type InputTool = (args: Readonly<Record<string, unknown>>, context: ToolContext) => Outcome;

const askName = elicit("What is your name?", { name: { type: "string" } }, ["name"]);
const askConfirmation = elicit("Please confirm", { ok: { type: "boolean" } }, ["ok"]);

const defaults = {
  name: { type: "string", description: "User name", default: "John Doe" },
  age: { type: "integer", description: "User age", default: 30 },
  score: { type: "number", description: "User score", default: 95.5 },
  status: { type: "string", enum: ["active", "inactive", "pending"], default: "active" },
  verified: { type: "boolean", description: "Verification status", default: true },
};

const oneOf = [
  { const: "value1", title: "First Option" },
  { const: "value2", title: "Second Option" },
  { const: "value3", title: "Third Option" },
];
const options = ["option1", "option2", "option3"];
const enums = {
  untitledSingle: { type: "string", enum: options },
  titledSingle: { type: "string", oneOf },
  legacyEnum: {
    type: "string",
    enum: ["opt1", "opt2", "opt3"],
    enumNames: ["Option One", "Option Two", "Option Three"],
  },
  untitledMulti: { type: "array", minItems: 1, maxItems: 3, items: { type: "string", enum: options } },
  titledMulti: { type: "array", minItems: 1, maxItems: 3, items: { anyOf: oneOf } },
};

export const inputTools: Readonly<Record<string, InputTool>> = {
  test_sampling: ({ prompt }, { responses }) => {
    const answer = sampled(responses, "sample");
    return answer === undefined
      ? { questions: { sample: sample(String(prompt)) } }
      : text(`LLM response: ${answer}`);
  },
  test_elicitation: ({ message }, { responses }) =>
    elicited(
      responses,
      elicit(String(message), { response: { type: "string", description: "User's response" } }, ["response"]),
      "User response",
    ),
  test_elicitation_sep1034_defaults: (_args, { responses }) =>
    elicited(responses, elicit("Please review the defaults", defaults), "Elicitation completed"),
  test_elicitation_sep1330_enums: (_args, { responses }) =>
    elicited(responses, elicit("Please select options", enums), "Elicitation completed"),
  test_missing_capability: (_args, { responses }) =>
    responses?.["answer"] === undefined
      ? { questions: { answer: sample("Reply with the single word: pong") } }
      : text("sampling round-trip complete"),
  test_input_required_result_elicitation: (_args, { responses }) => {
    const name = accepted(responses, "user_name")?.["name"];
    return typeof name === "string" ? text(`Hello, ${name}!`) : { questions: { user_name: askName } };
  },
  test_input_required_result_sampling: (_args, { responses }) => {
    const answer = sampled(responses, "capital_question");
    return answer === undefined
      ? { questions: { capital_question: sample("What is the capital of France?") } }
      : text(`Sampling response: ${answer}`);
  },
  test_input_required_result_list_roots: (_args, { responses }) => {
    const roots = rootsOf(responses);
    return roots === undefined
      ? { questions: { client_roots: { method: "roots/list" } } }
      : text(`Client exposed ${roots.length} root(s): ${roots.map(({ uri }) => uri).join(", ")}`);
  },
  test_input_required_result_request_state: (_args, { responses, state }) => {
    if (accepted(responses, "confirm") === undefined)
      return { questions: { confirm: askConfirmation }, state: { tool: "request_state" } };
    if (state === undefined) throw new McpError(ErrorCode.InvalidParams, "The requestState is missing");
    return text("state-ok: requestState verified and confirmation received");
  },
  test_input_required_result_multiple_inputs: (_args, { responses }) => {
    const name = accepted(responses, "user_name")?.["name"];
    const greeting = sampled(responses, "greeting");
    const roots = rootsOf(responses);
    if (typeof name === "string" && greeting !== undefined && roots !== undefined)
      return text(`${greeting} ${name}: ${roots.length} root(s) visible`);
    return {
      questions: {
        user_name: askName,
        greeting: sample("Generate a greeting"),
        client_roots: { method: "roots/list" },
      },
      state: { tool: "multiple_inputs" },
    };
  },
  test_input_required_result_multi_round: (_args, { responses, state }) => {
    const round = state?.["round"];
    if (round === 1) {
      const name = accepted(responses, "step1")?.["name"] ?? "unknown";
      const step2 = elicit("Step 2: your favorite color?", { color: { type: "string" } }, ["color"]);
      return { questions: { step2 }, state: { round: 2, name } };
    }
    if (round === 2) {
      const color = accepted(responses, "step2")?.["color"] ?? "unknown";
      return text(
        `Multi-round complete: ${String(state?.["name"])} likes ${typeof color === "string" ? color : JSON.stringify(color)}`,
      );
    }
    const step1 = elicit("Step 1: What is your name?", { name: { type: "string" } }, ["name"]);
    return { questions: { step1 }, state: { round: 1 } };
  },
  test_input_required_result_tampered_state: (_args, { responses, state }) =>
    state !== undefined && accepted(responses, "confirm") !== undefined
      ? text("integrity-ok: requestState verified")
      : { questions: { confirm: askConfirmation }, state: { tool: "tampered_state" } },
  test_input_required_result_capabilities: (_args, { responses, declared }) => {
    if (responses !== undefined) return text("Capability-aware input requests fulfilled");
    const questions: Record<string, Question> = {
      ...(declared["elicitation"] === undefined ? {} : { user_name: askName }),
      ...(declared["sampling"] === undefined ? {} : { greeting: sample("Generate a short greeting") }),
      ...(declared["roots"] === undefined ? {} : { client_roots: { method: "roots/list" } }),
    };
    return Object.keys(questions).length === 0 ? text("The client can answer no question") : { questions };
  },
};

/** The prompt that needs its client too. */
export const inputPrompt = {
  name: "test_input_required_result_prompt",
  description: "Asks for the context that its text uses",
  get(responses: Answers): Ask | string {
    const context = accepted(responses, "user_context")?.["context"];
    const question = elicit("What context should the prompt use?", { context: { type: "string" } }, [
      "context",
    ]);
    return typeof context === "string"
      ? `Use the following context: ${context}`
      : { questions: { user_context: question } };
  },
};

function elicited(responses: Answers, question: Question, prefix: string): CallToolResult | Ask {
  const answer = responses?.["input"] as { action?: string; content?: unknown } | undefined;
  return answer === undefined
    ? { questions: { input: question } }
    : text(`${prefix}: action=${answer.action}, content=${JSON.stringify(answer.content ?? {})}`);
}

function elicit(
  message: string,
  properties: Readonly<Record<string, unknown>>,
  required: readonly string[] = [],
): Question {
  return {
    method: "elicitation/create",
    params: { message, requestedSchema: { type: "object", properties, required } },
  };
}

function sample(prompt: string): Question {
  const messages = [{ role: "user" as const, content: { type: "text" as const, text: prompt } }];
  return { method: "sampling/createMessage", params: { messages, maxTokens: 100 } };
}

function accepted(responses: Answers, key: string): Readonly<Record<string, unknown>> | undefined {
  const answer = responses?.[key] as { action?: string; content?: Record<string, unknown> } | undefined;
  return answer?.action === "accept" ? answer.content : undefined;
}

function sampled(responses: Answers, key: string): string | undefined {
  return (responses?.[key] as { content?: { text?: string } } | undefined)?.content?.text;
}

function rootsOf(responses: Answers): readonly { uri: string }[] | undefined {
  const roots = (responses?.["client_roots"] as { roots?: { uri: string }[] } | undefined)?.roots;
  return Array.isArray(roots) ? roots : undefined;
}
