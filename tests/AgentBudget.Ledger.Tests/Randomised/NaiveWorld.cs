
namespace AgentBudget.Ledger.Tests.Randomised;

// What the naive ledger remembers. Nothing is summed as it goes: sums are made anew from the holds and charges each
// time.

/// <summary>One window of an account's budget: the first, or one of its further ones.</summary>
internal sealed class NaiveAccount(string name)
{
    public string Name { get; } = name;

    /// <summary>Its name by its period; empty for a session or where there is no budget.</summary>
    public string Window { get; set; } = "";

    public List<NaiveAccount> Further { get; } = [];

    public NaiveAccount[] Windows => [this, .. Further];

    /// <summary>Length of one of the 24 steps of a rolling window.</summary>
    public long? Step { get; set; }

    /// <summary>What is unused is carried over.</summary>
    public bool IsCarried { get; set; }

    public decimal? CarryCapNanos { get; set; }

    public decimal? CarryCapTokens { get; set; }

    public decimal CarriedNanos { get; set; }

    public decimal CarriedTokens { get; set; }

    public decimal? CatalogNanos { get; set; }

    public decimal? CatalogTokens { get; set; }

    public decimal ExtensionNanos { get; set; }

    public decimal ExtensionTokens { get; set; }

    public long? ExtensionEnd { get; set; }

    public (int Percent, string[] Notify)[] Tiers { get; set; } = [];

    public int? SoftPercent { get; set; }

    public int HardPercent { get; set; } = 100;

    /// <summary>When its calendar period ends.</summary>
    public long? PeriodEnd { get; set; }

    /// <summary>Charges before this one are of periods that ended, or left a rolling window.</summary>
    public int FirstCharge { get; set; }

    public HashSet<int> Notified { get; } = [];

    public decimal? PlainNanos => CatalogNanos + CarriedNanos;

    public decimal? PlainTokens => CatalogTokens + CarriedTokens;

    public decimal? LimitNanos => Moved(PlainNanos, ExtensionNanos);

    public decimal? LimitTokens => Moved(PlainTokens, ExtensionTokens);

    /// <summary>What of an amount can be carried over: up to the cap, which is the limit where none is given.</summary>
    public decimal CarryNanos(decimal nanos) => Carried(nanos, CatalogNanos, CarryCapNanos);

    public decimal CarryTokens(decimal tokens) => Carried(tokens, CatalogTokens, CarryCapTokens);

    private decimal Carried(decimal amount, decimal? limit, decimal? cap) =>
        IsCarried && limit is not null ? Math.Clamp(amount, 0, cap ?? limit.Value) : 0;

    private static decimal? Moved(decimal? limit, decimal extension) =>
        limit is null ? null : Math.Max(0, limit.Value + extension);
}

internal sealed record NaiveCharge(string[] Path, decimal Nanos, decimal Tokens, decimal OverrunNanos, long Time);

internal sealed record NaiveAgent(string Name, string[] Models, string[] Tools, long TtlNanos, long LifetimeNanos)
{
    public int? OpenHolds { get; init; }

    public decimal? TokensPerRequest { get; init; }

    public int? Steps { get; init; }

    public int? ToolCalls { get; init; }

    public decimal? RunCost { get; init; }

    public int? Subagents { get; init; }

    public int? ConcurrentSubagents { get; init; }

    public int? Depth { get; init; }

    public NaiveBreakers? Breakers { get; init; }
}

internal sealed record NaiveUseCase(
    string Name, string BusinessUnit, Dictionary<string, string> Downgrade, bool AllowsWithoutCheaper);

internal sealed class NaiveSession
{
    public required long Number { get; init; }

    public required NaiveAgent Agent { get; init; }

    public required NaiveUseCase UseCase { get; init; }

    public required string[] Path { get; init; }

    /// <summary>Its parent, and so on to the root.</summary>
    public required NaiveSession[] Above { get; init; }

    /// <summary>Itself and everything above it.</summary>
    public NaiveSession[] Lineage => [this, .. Above];

    /// <summary>Null where its agent has no breakers.</summary>
    public required NaiveWatch? Watch { get; init; }

    public NaiveWindow Window { get; set; } = new();

    /// <summary>Whose breaker suspended it.</summary>
    public NaiveSession? SuspendedBy { get; set; }

    public bool IsOpen => State is "Open" or "Suspended";

    /// <summary>Its own ceiling, without its run's.</summary>
    public required decimal? CostMax { get; init; }

    public required int? StepsMax { get; init; }

    public required int? ToolCallsMax { get; init; }

    public required NaiveAccount Grain { get; init; }

    public required long LifetimeEnd { get; init; }

    public required int OpenHoldsMax { get; init; }

    public long Expire { get; set; }

    public string State { get; set; } = "Open";

    public long? GraceEnd { get; set; }

    public long? Forget { get; set; }

    public int Steps { get; set; }

    public int ToolCalls { get; set; }

    public int Refused { get; set; }
}

internal sealed class NaiveHold
{
    public required long Number { get; init; }

    public required NaiveSession Session { get; init; }

    public required string Model { get; set; }

    public required string Tool { get; init; }

    public required Dictionary<string, (long In, long Out)> Rates { get; set; }

    public required long Expire { get; set; }

    /// <summary>What it was priced with, less what was settled of it.</summary>
    public required (long In, long Out) Estimate { get; set; }

    public required bool IsCharged { get; init; }

    public decimal Nanos { get; set; }

    public decimal Tokens { get; set; }

    /// <summary>Tokens that were held at first; a hundred times them is what a call can use.</summary>
    public required decimal Granted { get; init; }

    /// <summary>Tokens that were settled of it.</summary>
    public decimal Settled { get; set; }

    /// <summary>Held, Released, Expired, Charged or Settled.</summary>
    public string State { get; set; } = "Held";

    public long? Forget { get; set; }

    public long? SettledAt { get; set; }
}
