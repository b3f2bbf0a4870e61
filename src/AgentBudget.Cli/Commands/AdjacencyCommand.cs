using System.CommandLine;
using System.Globalization;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Reports use cases of different business units that belong together.</summary>
internal static class AdjacencyCommand
{
    public static Command Make(CliHost host)
    {
        ReportArguments arguments = new([], [], withCalls: false);
        return host.Handle(
            arguments.AddTo(new Command(
                "adjacency",
                "Use cases of different business units that belong together: work handed over, agents, tools, users "
                + "and tags of both, spend that moves together. Default: the last 90 days.")),
            async call =>
            {
                GetAdjacencyResponse answer = await call.CallAsync(
                    call.Client.Reports.GetAdjacencyAsync,
                    new GetAdjacencyRequest { Period = arguments.PeriodOf(call) });
                Grid grid = new(
                    "use case", "of", "other", new("of", IsOptional: true), new("cost", IsNumber: true), "why",
                    new("by chance", IsNumber: true))
                {
                    Empty = "No use cases of different business units belong together.",
                };
                foreach (AdjacentUseCases pair in answer.Pairs)
                {
                    foreach ((string why, double? q) in ReasonsOf(pair))
                    {
                        grid.Add(
                            pair.First, pair.FirstBusinessUnit, pair.Second, pair.SecondBusinessUnit,
                            Texts.Money(pair.Cost), why,
                            q?.ToString("0.####e+0", CultureInfo.InvariantCulture) ?? "no");
                    }
                }

                call.Output.Write(answer, grid);
                call.Output.Say(
                    $"{answer.PairsCompared} pairs were compared, the spend of {answer.PairsMoved} day by day.");
                return ExitCodes.Ok;
            });
    }

    // One row for each, so that a program needs no nesting; what is exact has no chance.
    private static IEnumerable<(string Why, double? Q)> ReasonsOf(AdjacentUseCases pair)
    {
        foreach (DelegatedWork work in pair.Delegations)
        {
            yield return (
                $"{work.From} hands over to {work.To}: {work.Sessions} subagents, {Texts.Money(work.Cost).Text}", null);
        }

        foreach (SharedParts parts in pair.Shared)
        {
            string lift = parts.Lift.ToString("0.##", CultureInfo.InvariantCulture);
            yield return (
                $"{parts.Shared} of {parts.Kind} shared ({string.Join(", ", parts.Examples.Take(3))}), {lift} x chance",
                parts.Q);
        }

        if (pair.Movement is { } moved)
        {
            string correlation = moved.Correlation.ToString("0.00", CultureInfo.InvariantCulture);
            yield return ($"spend moves together, {moved.LagDays} days later, correlation {correlation}", moved.Q);
        }
    }
}
