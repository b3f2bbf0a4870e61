using AgentBudget.Dashboard.Text;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Dashboard.Reading;

/// <summary>Which layer of a run a line is of.</summary>
public enum RunLayerKind
{
    /// <summary>The run's root or a subagent.</summary>
    Session,

    /// <summary>A model, tool or SKU within it.</summary>
    Part,

    /// <summary>The business tags of calls to that.</summary>
    Tags,
}

/// <summary>One line of a run's costs in layers: run, subagents, their models and tools, business tags.</summary>
/// <param name="Kind">Which layer.</param>
/// <param name="Depth">How far it stands below the root.</param>
/// <param name="Name">The session, model, tool or SKU; the tags in one text.</param>
/// <param name="Of">Of a session its agent, then its use case.</param>
/// <param name="Whole">What it cost, with all below it.</param>
/// <param name="Own">Of a session, what it cost by itself.</param>
/// <param name="Tokens">Settled tokens; of a session its own.</param>
/// <param name="Calls">Granted calls, likewise.</param>
/// <param name="Refused">Refused calls, likewise.</param>
public sealed record RunLayer(
    RunLayerKind Kind,
    int Depth,
    string Name,
    (string Agent, string UseCase) Of,
    decimal Whole,
    decimal? Own,
    long Tokens,
    long Calls,
    long Refused)
{
    /// <summary>All lines of a run, the root first and each below what it belongs to.</summary>
    internal static IEnumerable<RunLayer> LinesOf(GetRunCostsResponse answer) => answer.Nodes.SelectMany(OfNode);

    private static IEnumerable<RunLayer> OfNode(RunCostNode node)
    {
        yield return Sum(
            RunLayerKind.Session, node.Depth, node.Session, node.Lines, Amounts.Of(node.Whole)) with
        {
            Of = (node.Agent, node.UseCase),
            Own = Amounts.Of(node.Own),
        };
        IEnumerable<IGrouping<string, RunCostLine>> parts = node.Lines.GroupBy(PartOf)
            .OrderByDescending(part => part.Sum(line => Amounts.Of(line.Cost)));
        foreach (IGrouping<string, RunCostLine> part in parts)
        {
            yield return Sum(RunLayerKind.Part, node.Depth + 1, part.Key, [.. part]);
            if (part.All(line => line.Tags.Count == 0)) continue;
            foreach (RunCostLine line in part.OrderByDescending(line => Amounts.Of(line.Cost)))
                yield return Sum(RunLayerKind.Tags, node.Depth + 2, TagsOf(line), [line]);
        }
    }

    private static RunLayer Sum(
        RunLayerKind kind,
        int depth,
        string name,
        IReadOnlyCollection<RunCostLine> lines,
        decimal? whole = null) => new(
        kind,
        depth,
        name,
        ("", ""),
        whole ?? lines.Sum(line => Amounts.Of(line.Cost)),
        Own: null,
        lines.Sum(line => line.Tokens),
        lines.Sum(line => line.Calls),
        lines.Sum(line => line.Refused));

    private static string PartOf(RunCostLine line) =>
        line.Tool.Length > 0 ? line.Tool : line.Sku.Length > 0 ? line.Sku : line.Model.Length > 0 ? line.Model : "else";

    private static string TagsOf(RunCostLine line) => line.Tags.Count == 0
        ? "without tags"
        : string.Join(", ", line.Tags.OrderBy(tag => tag.Key, StringComparer.Ordinal)
            .Select(tag => $"{tag.Key} {tag.Value}"));
}
