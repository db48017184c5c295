"""The official Python SDK's client: reads jobs as JSON from stdin, and writes for each what worked and what did not.

A job is {"name", "target": url | [command, ...], "mode": "legacy" | "2026-07-28", "plan": [step, ...]}; a step is
{"feature", "do": "list" | "call" | "read" | "prompt", ...} with what the answer must contain in "expect".
"""

import asyncio
import json
import sys
import warnings

from mcp import Client, StdioServerParameters
from mcp_types import ElicitResult

warnings.simplefilter("ignore")
TIMEOUT_SECONDS = 15


async def elicit(_context, params):
    key = next(iter(params.requested_schema["properties"]))
    return ElicitResult(action="accept", content={key: "Ada"})


def text_of(value):
    return value.model_dump_json(by_alias=True, exclude_none=True)


async def run_step(client, step):
    match step["do"]:
        case "list":
            answer = text_of(await client.list_tools())
        case "read":
            answer = text_of(await client.read_resource(step["uri"]))
        case "prompt":
            answer = text_of(await client.get_prompt(step["name"], step["arguments"]))
        case "call":
            seen = []

            async def on_progress(progress, total, message):
                seen.append(progress)

            result = await client.call_tool(step["name"], step["arguments"], progress_callback=on_progress)
            # Notifications on their way when the answer comes are still wanted.
            await asyncio.sleep(0.05 if step.get("progress") else 0)
            answer = text_of(result) + "".join(f" progress {value:g}" for value in seen)
    missing = [text for text in step["expect"] if text not in answer]
    return None if not missing else f"lacks {missing[0]}: {answer[:300]}"


async def run_job(job):
    target = job["target"]
    server = target if isinstance(target, str) else StdioServerParameters(command=target[0], args=target[1:])
    results = {}
    try:
        async with asyncio.timeout(TIMEOUT_SECONDS * 2):
            async with Client(server, mode=job["mode"], elicitation_callback=elicit) as client:
                for step in job["plan"]:
                    try:
                        async with asyncio.timeout(TIMEOUT_SECONDS):
                            results[step["feature"]] = await run_step(client, step)
                    except Exception as error:
                        results[step["feature"]] = f"{type(error).__name__}: {error}"
    except BaseException as error:
        for step in job["plan"]:
            results.setdefault(step["feature"], f"no connection: {type(error).__name__}: {error}")
    return {"name": job["name"], "results": results}


async def main():
    for job in json.load(sys.stdin):
        print(json.dumps(await run_job(job)), flush=True)


asyncio.run(main())
