namespace AgentBudget.Api.Catalogs.Documents;

/// <summary>One thing wrong with a document.</summary>
/// <param name="Line">Where, counted from 1.</param>
/// <param name="Path">What: <c>useCases[1].budget.limit</c>; empty for the document itself.</param>
/// <param name="Description">What is wrong and what would be right, one sentence.</param>
public sealed record DocumentFault(int Line, string Path, string Description)
{
    /// <inheritdoc/>
    public override string ToString() =>
        Path.Length == 0 ? $"line {Line}: {Description}" : $"line {Line}: {Path}: {Description}";
}
