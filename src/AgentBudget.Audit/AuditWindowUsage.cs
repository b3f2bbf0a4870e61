namespace AgentBudget.Audit;

/// <summary>What a window keeps when a catalog gives it another limit or another place.</summary>
internal sealed record AuditWindowUsage
{
    public string Window { get; init; } = "";

    public Int128? Rolling { get; init; }

    public IReadOnlyList<(Int128 Index, AuditAmount Settled, AuditAmount Overrun)> Steps { get; init; } = [];

    public AuditAmount Settled { get; init; }

    public AuditAmount Overrun { get; init; }

    public AuditAmount Past { get; init; }

    public AuditAmount Carried { get; init; }

    public AuditAmount Extension { get; init; }

    public Int128? ExtensionEnd { get; init; }

    public int ToldPercent { get; init; }

    public Int128 Start { get; init; }

    public AuditHistory? StartedOver { get; init; }
}
