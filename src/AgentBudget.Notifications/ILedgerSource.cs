using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications;

/// <summary>The ledger of one tenant, as far as notices are made of it.</summary>
public interface ILedgerSource
{
    /// <summary>The tenant's id.</summary>
    string Tenant { get; }

    /// <summary>The sequence of the last durable event.</summary>
    Task<long> HeadAsync();

    /// <summary>Events from a sequence on, in order, none after the last that is known to be durable; some of them.
    /// </summary>
    Task<IReadOnlyList<LedgerEvent>> ReadAsync(
        long fromSequence, long durableSequence, CancellationToken cancellationToken);

    /// <summary>The tenant's currency.</summary>
    Task<string> CurrencyAsync();

    /// <summary>The business unit of a use case or agent; empty where it has none.</summary>
    Task<string> UnitOfAsync(string grain);

    /// <summary>The credentials that are live and expire.</summary>
    Task<IReadOnlyList<Credential>> ExpiringCredentialsAsync();
}
