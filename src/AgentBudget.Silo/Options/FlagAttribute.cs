namespace AgentBudget.Silo.Options;

/// <summary>True or false.</summary>
internal sealed class FlagAttribute(string key) : ValueAttribute(key)
{
    /// <inheritdoc/>
    protected override string? FaultOf(string value) =>
        bool.TryParse(value, out _) ? null : $"must be true or false, not {value}.";
}
