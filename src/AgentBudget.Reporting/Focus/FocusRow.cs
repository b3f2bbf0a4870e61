namespace AgentBudget.Reporting.Focus;

/// <summary>One row of an export, before it is text.</summary>
internal sealed record FocusRow
{
    /// <summary>The tenant.</summary>
    public required string Tenant { get; init; }

    /// <summary>ISO 4217.</summary>
    public required string Currency { get; init; }

    /// <summary>When it was charged, and the first instant after.</summary>
    public required DateTimeOffset ChargeStart { get; init; }

    /// <summary>The first instant after.</summary>
    public required DateTimeOffset ChargeEnd { get; init; }

    /// <summary>The first instant of the month that it is billed in.</summary>
    public required DateTimeOffset BillingStart { get; init; }

    /// <summary>It corrects a month that was over.</summary>
    public required bool IsCorrection { get; init; }

    /// <summary>What was paid for; its bucket is the one whose rate was paid.</summary>
    public required SpendItem Item { get; init; }

    /// <summary>Who, for what, of whom.</summary>
    public required FocusSpender Spender { get; init; }

    /// <summary>Money, exact.</summary>
    public required Int128 CostNanos { get; init; }

    /// <summary>Tokens, or millionths of a SKU's unit.</summary>
    public required Int128 Quantity { get; init; }

    /// <summary>Charges that were rounded by themselves.</summary>
    public required long Lines { get; init; }

    /// <summary>The last event that is in it.</summary>
    public required long LastSequence { get; init; }

    /// <summary>List and contracted costs are exact decimals.</summary>
    public required bool IsExact { get; init; }

    /// <summary>It has a rate, a quantity and a price; otherwise it is money alone.</summary>
    public bool IsPriced => Item is { Kind: SpendKind.Usage, Rate: >= 0 };

    /// <summary>It is of tokens.</summary>
    public bool IsTokens => IsPriced && Item.Sku.Length == 0;
}

/// <summary>Whose a row is. Session, run, user and outcome are empty where rows are not told apart by them.</summary>
/// <param name="Agent">"agents/x".</param>
/// <param name="UseCase">"useCases/x".</param>
/// <param name="BusinessUnit">"businessUnits/x".</param>
/// <param name="Tags">Business tags, as JSON.</param>
/// <param name="Session">"sessions/s1".</param>
/// <param name="Run">The root of its run.</param>
/// <param name="User">On whose behalf.</param>
/// <param name="Outcome">How the run ended; empty while it is open.</param>
internal sealed record FocusSpender(
    string Agent,
    string UseCase,
    string BusinessUnit,
    string Tags,
    string Session,
    string Run,
    string User,
    string Outcome);
