using System.CommandLine;
using System.Globalization;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Reports what stands out.</summary>
internal static class AnomalyCommand
{
    private const double MilliPerUnit = 1_000;

    public static Command Make(CliHost host)
    {
        ReportArguments arguments = new([], [], withCalls: false);
        Option<string?> grain =
            Arguments.Filter("--grain", "Only of this agent or use case: useCases/trade-promo.", "GRAIN");
        Option<string?> floor =
            Arguments.Filter("--floor", "An excess below it is not shown: 2.50. Default: 1.", "AMOUNT");
        return host.Handle(
            arguments.AddTo(new Command(
                "anomalies",
                "Days of agents and use cases that stand out, spend that drifts, and runs far above those before them: "
                + "against what, by what, and how often the rules would have cried. Default: the last 30 days.")
            {
                grain, floor,
            }),
            async call =>
            {
                GetAnomaliesResponse answer = await call.CallAsync(
                    call.Client.Reports.GetAnomaliesAsync,
                    new GetAnomaliesRequest
                    {
                        Period = arguments.PeriodOf(call),
                        Grain = call.Get(grain) ?? "",
                        Floor = call.Get(floor) is { } least ? Arguments.MoneyOf("--floor", least) : null,
                    });
                call.Output.Write(answer, GridOf(answer));
                foreach (AnomalyReplay replay in answer.Replays.Where(replay => replay.EntityDays > 0))
                {
                    string rate = (replay.AlarmsPerEntityMonthMilli / MilliPerUnit)
                        .ToString("0.###", CultureInfo.InvariantCulture);
                    call.Output.Say(
                        $"{Texts.Name(replay.Rule)}: {replay.Alarms} in {replay.EntityDays} days judged, {rate} a "
                        + $"month of one; {Texts.Money(replay.After).Text} was spent after.");
                }

                return ExitCodes.Ok;
            });
    }

    private static Grid GridOf(GetAnomaliesResponse answer)
    {
        Grid grid = new(
            "rule", "of", "began", new("cost", IsNumber: true), new("expected", IsNumber: true),
            new("excess", IsNumber: true), new("spreads", IsNumber: true), new("why", IsOptional: true),
            new("most by", IsOptional: true), new("after", IsNumber: true, IsOptional: true))
        {
            Empty = "Nothing stands out in that period.",
        };
        foreach (Anomaly found in answer.Anomalies)
        {
            grid.Add(
                Texts.Name(found.Rule),
                found.Grain,
                Texts.Time(found.StartTime),
                Texts.Money(found.Cost),
                Texts.Money(found.Expected),
                Texts.Money(found.Excess),
                (found.ScoreMilli / MilliPerUnit).ToString("0.0", CultureInfo.InvariantCulture),
                WhyOf(found),
                found.Sessions.Count > 0 ? found.Sessions[0].Name : "",
                Texts.Money(found.After));
        }

        return grid;
    }

    // The factor that moved it most, as a multiple of the usual.
    private static string WhyOf(Anomaly found)
    {
        if (found.Subagents is { } subagents) return $"{subagents.Count} subagents, {subagents.Expected} expected";
        if (found.Factors is not { } factors) return "";
        (string name, double ln) = new[]
        {
            ("calls", factors.Calls), ("tokens per call", factors.TokensPerCall),
            ("price per token", factors.PricePerToken),
        }.MaxBy(factor => factor.Item2);
        return string.Create(CultureInfo.InvariantCulture, $"{name} x {Math.Exp(ln):0.##}");
    }
}
