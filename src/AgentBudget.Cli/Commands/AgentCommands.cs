using System.CommandLine;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Agents: who spends, and whether they may.</summary>
internal static class AgentCommands
{
    public static Command Make(CliHost host) => new("agents", "Lists, stops and ends agents.")
    {
        List(host),
        Suspend(host),
        Resume(host),
        Decommission(host),
    };

    private static Command List(CliHost host)
    {
        Option<int> days = new("--days")
        {
            Description = "How many days back use is looked for, 1 to 400.",
            HelpName = "COUNT",
            DefaultValueFactory = _ => 90,
        };
        return host.Handle(
            new Command("list", "Every agent of the catalog: where it stands, and what of its rights it does not use.")
            {
                days,
            },
            async call =>
            {
                GetAccessReviewResponse answer = await call.CallAsync(
                    call.Client.Reports.GetAccessReviewAsync, new GetAccessReviewRequest { Days = call.Get(days) });
                call.Output.Write(answer, ReportCommands.AgentsOf(answer));
                return ExitCodes.Ok;
            });
    }

    private static Command Suspend(CliHost host) => Act(
        host,
        "suspend",
        "Stops an agent: it opens no session, and its open ones spend nothing until it is resumed.",
        "what it did",
        async (call, agent, reason) =>
        {
            SuspendAgentResponse answer = await call.CallAsync(
                call.Client.Catalogs.SuspendAgentAsync, new SuspendAgentRequest { Agent = agent, Reason = reason });
            call.Output.Write(answer, StandingOf(answer.Agent, answer.Standing));
        });

    private static Command Resume(CliHost host) => Act(
        host,
        "resume",
        "Lets a suspended agent go on where it was.",
        "what was mended",
        async (call, agent, reason) =>
        {
            ResumeAgentResponse answer = await call.CallAsync(
                call.Client.Catalogs.ResumeAgentAsync, new ResumeAgentRequest { Agent = agent, Reason = reason });
            call.Output.Write(answer, StandingOf(answer.Agent, answer.Standing));
        });

    private static Command Decommission(CliHost host) => Act(
        host,
        "decommission",
        "Ends an agent for ever, with its credentials, sessions and holds. It cannot be undone.",
        "why it goes",
        async (call, agent, reason) =>
        {
            DecommissionAgentResponse answer = await call.CallAsync(
                call.Client.Catalogs.DecommissionAgentAsync,
                new DecommissionAgentRequest { Agent = agent, Reason = reason });
            Grid grid = new("agent", new("sessions ended", IsNumber: true), new("credentials ended", IsNumber: true));
            grid.Add(answer.Agent, answer.Sessions.Count, answer.Credentials.Count);
            call.Output.Write(answer, grid);
        });

    private static Command Act(
        CliHost host, string name, string description, string why, Func<CliCall, string, string, Task> act)
    {
        Argument<string> agent = new("agent") { Description = "The agent, such as promo-writer.", HelpName = "AGENT" };
        Option<string> reason = Arguments.Reason(why);
        return host.Handle(new Command(name, description) { agent, reason }, async call =>
        {
            await act(call, Arguments.Named("agents", call.Get(agent)), call.Get(reason)!);
            return ExitCodes.Ok;
        });
    }

    private static Grid StandingOf(string agent, AgentStanding standing)
    {
        Grid grid = new("agent", "standing");
        grid.Add(agent, Texts.Name(standing));
        return grid;
    }
}
