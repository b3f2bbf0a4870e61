using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

/// <summary>A reservation that may still be charged: held, or given back within the retention.</summary>
internal sealed class AuditHold(
    AuditSession session, ReservationHeld held, string principal, AuditPrices prices, Int128 atNanos)
{
    public AuditSession Session => session;

    /// <summary>Who took it; empty where the journal does not say.</summary>
    public string Principal => principal;

    /// <summary>The price book that was in force when it was priced, and when that was.</summary>
    public AuditPrices Prices { get; private set; } = prices;

    public Int128 AtNanos { get; private set; } = atNanos;

    public string Model { get; private set; } = held.Model;

    public string Tool { get; } = held.Tool;

    public string Region { get; } = held.Region;

    public ServiceTier ServiceTier { get; } = held.ServiceTier;

    public Int128 ExpireNanos { get; set; } = held.ExpireTime is null ? 0 : AuditNumbers.NanosOf(held.ExpireTime);

    public OnExpiry OnExpiry { get; } = held.OnExpiry;

    /// <summary>What is held of it now.</summary>
    public AuditAmount Held { get; set; } = new(held.CostNanos, held.Tokens);

    /// <summary>The most that was held of it.</summary>
    public AuditAmount Granted { get; private set; } = new(held.CostNanos, held.Tokens);

    /// <summary>Tokens that were settled of it in parts.</summary>
    public Int128 SettledTokens { get; set; }

    /// <summary>Another amount is held in place of the one before.</summary>
    public void Grant(AuditAmount amount)
    {
        Held = amount;
        Granted = new AuditAmount(
            Int128.Max(Granted.Nanos, amount.Nanos), Int128.Max(Granted.Tokens, amount.Tokens));
    }

    /// <summary>It was priced again.</summary>
    public void Reprice(string model, AuditPrices book, Int128 at)
    {
        Model = model;
        Prices = book;
        AtNanos = at;
    }

    /// <summary>What was charged as its time ran out and no commit has taken back; null for nothing.</summary>
    public ReservationSettled? ExpiryCharge { get; set; }

    /// <summary>What commits settled of it in parts, since the last that counted the whole call.</summary>
    public List<ReservationSettled> Parts { get; } = [];

    /// <summary>Neither settled, released nor expired.</summary>
    public bool IsHeld { get; set; } = true;
}
