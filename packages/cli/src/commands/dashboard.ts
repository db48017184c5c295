// `fairlead dashboard`: the link to the gateway's dashboard that lets its reader in.
import type { Command } from "commander";
import { adminRequest, apiUrl } from "../admin-client.ts";
import { authorization } from "../credentials.ts";
import { exitCodes } from "../exit-codes.ts";
import { type CommandContext, type RemoteOptions, remote } from "./context.ts";

export function describeDashboard(program: Command, context: CommandContext): void {
  const { io, done } = context;
  remote(
    program
      .command("dashboard")
      .description("Print a link to the dashboard, for a browser. The operators' token is in it: keep it."),
    context,
  ).action(async (options: RemoteOptions) => {
    // Only operators get a link, so it is known to work.
    await adminRequest(options, { path: "/breakers", doing: "asking the gateway" }, io);
    const url = apiUrl(options.url, "");
    url.pathname = url.pathname.replace(/\/api$/, "/admin/");
    const token = (await authorization(options, io))["authorization"]?.replace("Bearer ", "") ?? "";
    // Browsers keep what is behind # to themselves.
    url.hash = `token=${encodeURIComponent(token)}`;
    io.stdout.write(options.json === true ? `${JSON.stringify({ url: url.href })}\n` : `${url.href}\n`);
    done(exitCodes.ok);
  });
}
