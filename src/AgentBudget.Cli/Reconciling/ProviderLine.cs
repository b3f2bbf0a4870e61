namespace AgentBudget.Cli.Reconciling;

/// <summary>One amount of a provider's export.</summary>
/// <param name="Day">The day of UTC.</param>
/// <param name="Model">The model, as the provider names it.</param>
/// <param name="Bucket">The bucket of tokens, as reports name it; empty for money that no bucket tells.</param>
/// <param name="Tier">"standard", "batch"; empty where the export does not tell.</param>
/// <param name="Tokens">How many; null where it is money alone.</param>
/// <param name="Cost">How much; null where it is tokens alone.</param>
internal sealed record ProviderLine(
    DateOnly Day, string Model, string Bucket, string Tier, decimal? Tokens, decimal? Cost);

/// <summary>What a file holds.</summary>
/// <param name="Lines">Its amounts.</param>
/// <param name="Skipped">Rows that are for no model.</param>
internal sealed record ProviderExport(IReadOnlyList<ProviderLine> Lines, int Skipped);

/// <summary>A file that is not what it should be, at a place of it.</summary>
internal sealed class ExportException(string place, string what) : Exception($"{place}: {what}");
