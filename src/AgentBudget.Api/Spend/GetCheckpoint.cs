using AgentBudget.Api.Errors;
using AgentBudget.Audit;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Api.Spend;

/// <summary>GetCheckpoint: where the ledger durably ends now, signed.</summary>
internal sealed class GetCheckpoint(ApiContext context, ILedgerStore store, CheckpointKey key, TimeProvider time)
{
    internal async ValueTask<GetCheckpointResponse> HandleAsync(GetCheckpointRequest request, ApiCall call)
    {
        string tenant = context.Callers.TenantOf(call);
        await context.CurrencyOfAsync(tenant); // A tenant without a catalog is not found, a damaged one not signed.
        try
        {
            LedgerCheckpoint checkpoint =
                await JournalCheckpoint.TakeAsync(store, tenant, time.GetUtcNow(), call.Cancellation)
                ?? throw ApiErrors.TenantNotFound();
            return new GetCheckpointResponse
            {
                Checkpoint = checkpoint,
                Signed = key.Sign(checkpoint),
                PublicKey = key.PublicKey,
            };
        }
        catch (JournalDamagedException damage)
        {
            throw ErrorMap.Of(new TenantException(TenantFault.JournalDamaged, damage.Message, damage));
        }
        catch (StoreException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }
}
