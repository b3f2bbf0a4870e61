using System.CommandLine;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Spend as it happens.</summary>
internal static class SpendCommands
{
    public static Command Make(CliHost host) => new("spend", "Watches spend as it happens.") { Tail(host) };

    private static Command Tail(CliHost host)
    {
        Option<string?> unit = Arguments.Filter("--business-unit", "Only this business unit's.", "UNIT");
        Option<string?> useCase = Arguments.Filter("--use-case", "Only this use case's.", "USE-CASE");
        Option<string?> agent = Arguments.Filter("--agent", "Only this agent's.", "AGENT");
        Option<string?> session = Arguments.Filter("--session", "Only this session's.", "SESSION");
        Option<string?> run =
            Arguments.Filter("--run", "Only of this run: a root session and all below it.", "SESSION");
        Option<string?> model = Arguments.Filter("--model", "Only of this model.", "MODEL");
        Option<EventKind[]> kinds = new("--kind")
        {
            Description = "Only these facts, such as ReservationRefused. May be repeated.",
            HelpName = "FACT",
        };
        Option<long> from = new("--from")
        {
            Description = "The first event, by its sequence; 1 for the beginning. Default: what happens from now on.",
            HelpName = "SEQUENCE",
        };
        Option<int?> count = new("--count") { Description = "Ends after so many events.", HelpName = "COUNT" };
        Command command = new(
            "tail",
            "Every event of the ledger as it becomes durable, one a line, without gaps also where the connection is "
            + "lost. Ctrl+C ends it."
            + "\n\n  agentbudget spend tail --use-case trade-promo --kind ReservationRefused")
        {
            unit, useCase, agent, session, run, model, kinds, from, count,
        };
        return host.Handle(command, async call =>
        {
            WatchSpendRequest request = new()
            {
                FromSequence = call.Get(from),
                Filter = new SpendFilter
                {
                    BusinessUnit = Arguments.Named("businessUnits", call.Get(unit) ?? ""),
                    UseCase = Arguments.Named("useCases", call.Get(useCase) ?? ""),
                    Agent = Arguments.Named("agents", call.Get(agent) ?? ""),
                    Session = Arguments.Named("sessions", call.Get(session) ?? ""),
                    Run = Arguments.Named("sessions", call.Get(run) ?? ""),
                    Model = call.Get(model) ?? "",
                },
            };
            request.Filter.Kinds.Add(call.Get(kinds) ?? []);
            return await TailAsync(call, request, call.Get(count));
        });
    }

    private static async Task<int> TailAsync(CliCall call, WatchSpendRequest request, int? count)
    {
        int told = 0;
        try
        {
            await foreach (WatchSpendResponse message in call.Client.WatchSpendAsync(request, call.Cancellation))
            {
                if (message.Event is not { } happened) continue;
                call.Output.WriteLine(happened, EventText.GridOf(happened), isFirst: told == 0);
                if (++told >= count) break;
            }
        }
        catch (OperationCanceledException) when (call.Cancellation.IsCancellationRequested)
        {
            // Ctrl+C is how it ends.
        }

        return ExitCodes.Ok;
    }
}
