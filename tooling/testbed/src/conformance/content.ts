// What the conformance suite's scenarios expect to find on a server, by exact name: lists, contents, plain results.
import type { CallToolResult, GetPromptResult, ReadResourceResult } from "@modelcontextprotocol/sdk/types.js";

/** A PNG of one red pixel. */
const PIXEL =
  "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==";
/** A WAV file without samples. */
const SILENCE = "UklGRiYAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQIAAAA=";

export const resources = [
  { uri: "test://static-text", name: "static-text", mimeType: "text/plain", description: "A text" },
  { uri: "test://static-binary", name: "static-binary", mimeType: "image/png", description: "An image" },
  { uri: "test://watched-resource", name: "watched-resource", mimeType: "text/plain" },
];

export const resourceTemplates = [
  { uriTemplate: "test://template/{id}/data", name: "template", mimeType: "application/json" },
];

export const prompts = [
  { name: "test_simple_prompt", description: "Has no arguments" },
  {
    name: "test_prompt_with_arguments",
    description: "Puts two arguments into its text",
    arguments: [
      { name: "arg1", description: "The first", required: true },
      { name: "arg2", description: "The second", required: true },
    ],
  },
  {
    name: "test_prompt_with_embedded_resource",
    description: "Embeds the resource that it is told",
    arguments: [{ name: "resourceUri", description: "Its URI", required: true }],
  },
  { name: "test_prompt_with_image", description: "Holds an image" },
];

/** Undefined when there is no such resource. */
export function readResource(uri: string): ReadResourceResult | undefined {
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id !== undefined) {
    const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` });
    return { contents: [{ uri, mimeType: "application/json", text }] };
  }
  switch (uri) {
    case "test://static-text":
      return {
        contents: [{ uri, mimeType: "text/plain", text: "This is the content of the static text resource." }],
      };
    case "test://static-binary":
      return { contents: [{ uri, mimeType: "image/png", blob: PIXEL }] };
    case "test://watched-resource":
      return { contents: [{ uri, mimeType: "text/plain", text: "Watched resource content" }] };
    default:
      return undefined;
  }
}

/** Undefined when there is no such prompt. */
export function getPrompt(name: string, args: Readonly<Record<string, string>>): GetPromptResult | undefined {
  const user = (content: GetPromptResult["messages"][number]["content"]) => ({
    role: "user" as const,
    content,
  });
  switch (name) {
    case "test_simple_prompt":
      return { messages: [user({ type: "text", text: "This is a simple prompt for testing." })] };
    case "test_prompt_with_arguments": {
      const text = `Prompt with arguments: arg1='${args["arg1"]}', arg2='${args["arg2"]}'`;
      return { messages: [user({ type: "text", text })] };
    }
    case "test_prompt_with_embedded_resource": {
      const text = "Embedded resource content for testing.";
      const resource = { uri: args["resourceUri"] ?? "", mimeType: "text/plain", text };
      return {
        messages: [
          user({ type: "resource", resource }),
          user({ type: "text", text: "Please process the embedded resource above." }),
        ],
      };
    }
    case "test_prompt_with_image":
      return {
        messages: [
          user({ type: "image", data: PIXEL, mimeType: "image/png" }),
          user({ type: "text", text: "Please analyze the image above." }),
        ],
      };
    default:
      return undefined;
  }
}

/** Results of the tools that do nothing but answer. */
export const plainResults: Readonly<Record<string, CallToolResult>> = {
  test_simple_text: text("This is a simple text response for testing."),
  test_image_content: { content: [{ type: "image", data: PIXEL, mimeType: "image/png" }] },
  test_audio_content: { content: [{ type: "audio", data: SILENCE, mimeType: "audio/wav" }] },
  test_embedded_resource: {
    content: [embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")],
  },
  test_multiple_content_types: {
    content: [
      { type: "text", text: "Multiple content types test:" },
      { type: "image", data: PIXEL, mimeType: "image/png" },
      embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ],
  },
  test_error_handling: {
    ...text("This tool intentionally returns an error for testing"),
    isError: true,
  },
  test_streaming_elicitation: text("No request but this result is on the stream."),
};

export function text(value: string): { content: { type: "text"; text: string }[] } {
  return { content: [{ type: "text", text: value }] };
}

function embedded(uri: string, mimeType: string, content: string) {
  return { type: "resource" as const, resource: { uri, mimeType, text: content } };
}
