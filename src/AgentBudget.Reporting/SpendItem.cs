using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting;

/// <summary>Of what kind an amount is.</summary>
internal enum SpendKind
{
    /// <summary>Usage at a rate of the price list, and calls.</summary>
    Usage = 0,

    /// <summary>A correction by hand, or of a re-rating.</summary>
    Adjustment = 1,

    /// <summary>
    /// What of a charge no rate tells: a bill above or below its own price, the rounding of a hold that was charged as
    /// its time ran out, usage that was in dispute, charges of former releases.
    /// </summary>
    Rest = 2,
}

/// <summary>What was paid for, at which rate. There are few of them, so sums refer to each by a number.</summary>
internal sealed record SpendItem
{
    /// <summary>No rate.</summary>
    public const long NoRate = -1;

    /// <summary>What kind of amount it is.</summary>
    public SpendKind Kind { get; init; }

    /// <summary>The model; empty for none.</summary>
    public string Model { get; init; } = "";

    /// <summary>The tool; empty for none.</summary>
    public string Tool { get; init; } = "";

    /// <summary>The SKU; empty for tokens.</summary>
    public string Sku { get; init; } = "";

    /// <summary>The bucket of the tokens.</summary>
    public TokenBucket Bucket { get; init; }

    /// <summary>Nanos per million tokens, or per unit of the SKU; <see cref="NoRate"/> where none is told.</summary>
    public long Rate { get; init; } = NoRate;

    /// <summary>The bucket whose rate it is, if another.</summary>
    public TokenBucket RateOf { get; init; }

    /// <summary>The price list.</summary>
    public ServiceTier Tier { get; init; }

    /// <summary>The threshold of the long context; 0 for the ordinary rates.</summary>
    public long AboveTokens { get; init; }

    /// <summary>Where the call was served.</summary>
    public string Region { get; init; } = "";

    /// <summary>The model whose price was used, if another.</summary>
    public string PricedAs { get; init; } = "";

    /// <summary>The price book's version.</summary>
    public long PriceVersion { get; init; }

    /// <summary>Who counted.</summary>
    public UsageSource Source { get; init; }

    /// <summary>Charged after expiry, release or the end of the session.</summary>
    public bool IsLate { get; init; }

    /// <summary>Who bills the model; empty for what is none.</summary>
    public string Provider { get; init; } = "";

    /// <summary>What one of the SKU is.</summary>
    public string Unit { get; init; } = "";

    /// <summary>The reservation that a correction is of; 0 for none.</summary>
    public long CorrectionOf { get; init; }

    /// <summary>The quarter of an hour in which that was charged; 0 for none.</summary>
    public long CorrectedQuarter { get; init; }
}
