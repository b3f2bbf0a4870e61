using System.Globalization;
using System.Text;

namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>What a document may say and this release keeps without acting on it.</summary>
internal enum CatalogNotice
{
    Notify,
    FamilyOfNothing,
}

/// <summary>The notices of one document: a sentence for each kind, with the lines that it speaks of.</summary>
internal sealed class CatalogNotices
{
    /// <summary>Further lines are counted, not listed.</summary>
    private const int LinesMax = 5;

    private readonly SortedDictionary<CatalogNotice, List<int>> _lines = [];

    internal void Add(CatalogNotice notice, int line)
    {
        if (!_lines.TryGetValue(notice, out List<int>? lines))
            _lines.Add(notice, lines = []);
        if (lines.Count == 0 || lines[^1] != line)
            lines.Add(line);
    }

    internal List<string> Build()
    {
        List<string> sentences = [];
        foreach ((CatalogNotice notice, List<int> lines) in _lines)
            sentences.Add($"{SentenceOf(notice)} ({LinesOf(lines)}).");
        return sentences;
    }

    private static string SentenceOf(CatalogNotice notice) => notice switch
    {
        CatalogNotice.Notify
            => "notify addresses are kept and nothing is sent to them yet: tiers show in the ledger and its stream",
        CatalogNotice.FamilyOfNothing
            => "budgets on models that no model with a price is of count nothing until there is one",
    };

    private static string LinesOf(List<int> lines)
    {
        StringBuilder text = new(lines.Count == 1 ? "line " : "lines ");
        for (int index = 0; index < Math.Min(lines.Count, LinesMax); index++)
            text.Append(index > 0 ? ", " : "").Append(lines[index]);
        if (lines.Count > LinesMax)
            text.Append(CultureInfo.InvariantCulture, $" and {lines.Count - LinesMax} more");
        return text.ToString();
    }
}
