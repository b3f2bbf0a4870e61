using System.CommandLine;
using AgentBudget.Cli.Output;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Cli.Commands;

/// <summary>Reports what one run cost.</summary>
internal static class RunCostsCommand
{
    public static Command Make(CliHost host)
    {
        Argument<string> run = new("run") { Description = "The root session of the run: s17.", HelpName = "RUN" };
        return host.Handle(
            new Command(
                "run",
                "What one run cost: each session below the one that opened it, by itself and with all below it, by "
                + "model, tool and tags.")
            {
                run,
            },
            async call =>
            {
                GetRunCostsResponse answer = await call.CallAsync(
                    call.Client.Reports.GetRunCostsAsync,
                    new GetRunCostsRequest { Run = Arguments.Named("sessions", call.Get(run)!) });
                call.Output.Write(answer, GridOf(answer, isForPeople: call.Output.Format == OutputFormat.Table));
                if (answer.NodesLeft > 0)
                    call.Output.Say($"{answer.NodesLeft} more sessions are counted with those above them.");
                return ExitCodes.Ok;
            });
    }

    // One row for each line, so that a program needs no nesting; a session that spent nothing has one too. What is said
    // of a session once is enough for people, and would be a gap for a program.
    private static Grid GridOf(GetRunCostsResponse answer, bool isForPeople)
    {
        Grid grid = new(
            "session", new("parent", IsOptional: true), "agent", new("use case", IsOptional: true),
            new("with all below", IsNumber: true), new("itself", IsNumber: true), "model",
            new("tool", IsOptional: true), new("sku", IsOptional: true), new("tags", IsOptional: true),
            new("cost", IsNumber: true), new("tokens", IsNumber: true), new("calls", IsNumber: true),
            new("refused", IsNumber: true, IsOptional: true));
        foreach (RunCostNode node in answer.Nodes)
        {
            bool isFirst = true;
            foreach (RunCostLine line in node.Lines.Count > 0 ? [.. node.Lines] : (RunCostLine[])[new()])
            {
                bool isSaid = isFirst || !isForPeople;
                string indent = isForPeople ? new string(' ', node.Depth * 2) : "";
                grid.Add(
                    isSaid ? indent + node.Session : "", isSaid ? node.Parent : "", isSaid ? node.Agent : "",
                    isSaid ? node.UseCase : "", isSaid ? Texts.Money(node.Whole) : "",
                    isSaid ? Texts.Money(node.Own) : "", line.Model, line.Tool, line.Sku, TagsOf(line),
                    Texts.Money(line.Cost), line.Tokens, line.Calls, line.Refused);
                isFirst = false;
            }
        }

        return grid;
    }

    private static string TagsOf(RunCostLine line) => string.Join(
        ' ', line.Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal).Select(tag => $"{tag.Key}={tag.Value}"));
}
