using System.CommandLine;
using System.Globalization;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Reports what could be saved.</summary>
internal static class RecommendationCommand
{
    public static Command Make(CliHost host)
    {
        ReportArguments arguments = new([], [], withCalls: false);
        Option<string?> floor =
            Arguments.Filter("--floor", "Amounts below it are not shown: 2.50. Default: 1.", "AMOUNT");
        return host.Handle(
            arguments.AddTo(new Command(
                "recommendations",
                "What could be saved: cheaper models, caches, repeated calls, failed runs, idle holds, unused budgets, "
                + "long contexts, batches, each with the numbers that it follows from. Default: the last 30 days.")
            {
                floor,
            }),
            async call =>
            {
                GetRecommendationsResponse answer = await call.CallAsync(
                    call.Client.Reports.GetRecommendationsAsync,
                    new GetRecommendationsRequest
                    {
                        Period = arguments.PeriodOf(call),
                        Floor = call.Get(floor) is { } least ? Arguments.MoneyOf("--floor", least) : null,
                    });
                Grid grid = new(
                    "what", "of", new("model", IsOptional: true), new("amount", IsNumber: true), "because")
                {
                    Empty = "Nothing of that much could be saved in that period.",
                };
                foreach (Recommendation told in answer.Recommendations)
                {
                    string model = told.CheaperModel.Length > 0 ? $"{told.Model} > {told.CheaperModel}" : told.Model;
                    grid.Add(
                        Texts.Name(told.Kind),
                        told.Window.Length > 0 ? $"{told.Grain} {told.Window}" : told.Grain,
                        model,
                        Texts.Money(told.Amount),
                        string.Join(", ", told.Numbers.Select(number => string.Create(
                            CultureInfo.InvariantCulture, $"{number.Name} {number.Value}"))));
                }

                call.Output.Write(answer, grid);
                return ExitCodes.Ok;
            });
    }
}
