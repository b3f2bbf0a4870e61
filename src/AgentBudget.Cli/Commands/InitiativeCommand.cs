using System.CommandLine;
using System.Globalization;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Reports whether a use case is worth what it costs.</summary>
internal static class InitiativeCommand
{
    private const decimal Thousand = 1_000;
    private const decimal Million = 1_000_000;

    public static Command Make(CliHost host)
    {
        ReportArguments arguments = new([], [], withCalls: false);
        Argument<string> useCase = new("use-case")
        {
            Description = "The use case: trade-promo.",
            HelpName = "USE-CASE",
        };
        Option<decimal> go = ReturnOf("--go", "From this return on, value by cost, it goes. Default: 1.5.");
        Option<decimal> stop = ReturnOf("--stop", "Below this return it stops. Default: 1.");
        return host.Handle(
            arguments.AddTo(new Command(
                "initiative",
                "Whether a use case is worth what it costs: go, watch or stop, by the value of its outcomes, the cost "
                + "of its runs and what its budget comes to. Default: runs that ended in the last 90 days.")
            {
                useCase, go, stop,
            }),
            async call =>
            {
                GetInitiativeResponse answer = await call.CallAsync(
                    call.Client.Reports.GetInitiativeAsync,
                    new GetInitiativeRequest
                    {
                        UseCase = Arguments.Named("useCases", call.Get(useCase)!),
                        Period = arguments.PeriodOf(call),
                        GoMilli = (long)(call.Get(go) * Thousand),
                        StopMilli = (long)(call.Get(stop) * Thousand),
                    });
                call.Output.Write(answer, GridOf(answer));
                call.Output.Say($"Because: {string.Join(", ", answer.Reasons.Select(reason => Texts.Name(reason)))}.");
                return ExitCodes.Ok;
            });
    }

    private static Option<decimal> ReturnOf(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "RETURN",
        Validators =
        {
            result =>
            {
                decimal asked = result.GetValueOrDefault<decimal>();
                if (asked is < 0.001m or > 1_000m || decimal.Round(asked, 3) != asked)
                    result.AddError($"{name} must be 0.001 to 1000, with at most three decimals.");
            },
        },
    };

    // One row for each metric, so that a program needs no nesting.
    private static Grid GridOf(GetInitiativeResponse answer)
    {
        Grid grid = new(
            "verdict", new("return", IsNumber: true), new("value", IsNumber: true), new("cost", IsNumber: true),
            new("runs", IsNumber: true), new("successful", IsNumber: true, IsOptional: true), "metric",
            new("gained", IsNumber: true), new("worth each", IsNumber: true, IsOptional: true),
            new("worth", IsNumber: true));
        string verdict = Texts.Name(answer.Verdict);
        string? style = answer.Verdict switch
        {
            InitiativeVerdict.Go => "green",
            InitiativeVerdict.Stop => "red",
            _ => "yellow",
        };
        foreach (OutcomeValue? outcome in answer.Outcomes.Count == 0 ? [null] : answer.Outcomes.Cast<OutcomeValue?>())
        {
            grid.Add(
                new GridCell(verdict, style),
                answer.HasReturnMilli
                    ? (answer.ReturnMilli / Thousand).ToString("0.###", CultureInfo.InvariantCulture)
                    : "",
                Texts.Money(answer.Value),
                Texts.Money(answer.Cost),
                answer.Runs,
                answer.SuccessfulRuns,
                outcome?.Metric ?? "",
                outcome is null ? "" : (outcome.DeltaMillionths / Million).ToString(CultureInfo.InvariantCulture),
                Texts.Money(outcome?.ValuePerUnit),
                Texts.Money(outcome?.Value));
        }

        return grid;
    }
}
