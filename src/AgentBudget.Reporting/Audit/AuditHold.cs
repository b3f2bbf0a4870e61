using AgentBudget.Protocol.V1;

namespace AgentBudget.Reporting.Audit;

/// <summary>A reservation that may still be charged: held, or given back within the retention.</summary>
internal sealed class AuditHold(AuditSession session, ReservationHeld held, AuditPrices prices, Int128 atNanos)
{
    public AuditSession Session => session;

    /// <summary>The price book that was in force, and when.</summary>
    public AuditPrices Prices => prices;

    public Int128 AtNanos => atNanos;

    public string Model { get; } = held.Model;

    public ServiceTier ServiceTier { get; } = held.ServiceTier;

    public Int128 ExpireNanos { get; } = held.ExpireTime is null ? 0 : AuditNumbers.NanosOf(held.ExpireTime);

    public OnExpiry OnExpiry { get; } = held.OnExpiry;

    /// <summary>What is held of it now.</summary>
    public AuditAmount Held { get; set; } = new(held.CostNanos, held.Tokens);

    /// <summary>Neither settled, released nor expired.</summary>
    public bool IsHeld { get; set; } = true;
}
