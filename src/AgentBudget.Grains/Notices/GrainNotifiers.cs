using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.Notifier.V1;

namespace AgentBudget.Grains.Notices;

/// <summary>Asks the grain of a tenant.</summary>
internal sealed class GrainNotifiers(IGrainFactory grains) : INotifiers
{
    /// <inheritdoc/>
    public async Task<NotifierReply> AskAsync(string tenant, NotifierRequest request)
    {
        try
        {
            return await grains.GetGrain<INotifierGrain>(tenant).Ask(request);
        }
        catch (Exception fault) when (fault is OrleansException or TimeoutException)
        {
            throw new TenantException(
                TenantFault.OutcomeUnknown, "nobody knows what became of it: ask again with the same id", fault);
        }
    }
}
