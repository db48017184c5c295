"""A server on FastMCP: `python fastmcp.server.py stdio | <port>`."""

import sys

import mcp_types
from fastmcp import Context, FastMCP

server = FastMCP("fastmcp")


@server.tool
def add(a: int, b: int) -> int:
    return a + b


@server.tool
def fail() -> str:
    raise ValueError("failed on purpose")


@server.tool
async def count(steps: int, ctx: Context) -> str:
    for step in range(1, steps + 1):
        await ctx.report_progress(step, steps)
    return f"counted to {steps}"


@server.tool
async def ask(ctx: Context) -> str | mcp_types.InputRequiredResult:
    if ctx._is_modern_protocol():
        answer = (ctx.input_responses or {}).get("name")
        if answer is None:
            schema = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}
            params = mcp_types.ElicitRequestFormParams(message="What is your name?", requested_schema=schema)
            return mcp_types.InputRequiredResult(input_requests={"name": mcp_types.ElicitRequest(params=params)})
        return f"hello {answer.content['name']}"
    answered = await ctx.elicit("What is your name?", str, response_title="name")
    return f"hello {answered.data}"


@server.resource("stranger://greeting")
def greeting() -> str:
    return "hello"


@server.prompt
def greet(name: str) -> str:
    return f"Say hello to {name}."


if sys.argv[1] == "stdio":
    server.run("stdio", show_banner=False, log_level="ERROR")
else:
    server.run("http", show_banner=False, log_level="ERROR", host="127.0.0.1", port=int(sys.argv[1]), path="/mcp")
