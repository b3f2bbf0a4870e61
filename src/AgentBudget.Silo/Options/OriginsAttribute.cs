namespace AgentBudget.Silo.Options;

/// <summary>Origins as browsers name them, separated by commas; or a star for every one.</summary>
internal sealed class OriginsAttribute(string key) : ValueAttribute(key)
{
    /// <summary>The origins of a text that has been checked.</summary>
    public static string[] Parse(string text) => text.Length == 0
        ? []
        : text.Split(',', StringSplitOptions.TrimEntries);

    /// <inheritdoc/>
    protected override string? FaultOf(string value) =>
        Array.Find(Parse(value), origin => !IsOrigin(origin)) is { } wrong
            ? $"must be schemes, hosts and ports such as https://budget.example.com, not {wrong}."
            : null;

    private static bool IsOrigin(string origin) => origin == "*"
        || (Uri.TryCreate(origin, UriKind.Absolute, out Uri? uri)
            && origin.Equals(uri.GetLeftPart(UriPartial.Authority), StringComparison.OrdinalIgnoreCase));
}
