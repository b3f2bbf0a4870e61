using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs;

/// <summary>GetCatalog: the catalog as it was applied.</summary>
internal sealed class GetCatalog(ApiContext context)
{
    internal async ValueTask<GetCatalogResponse> HandleAsync(GetCatalogRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.Defined(ref faults, "format", request.Format);
        faults.ThrowIfAny();
        Answer answer = await context.SubmitAsync(context.Callers.TenantOf(call), new CatalogQuery());
        return (GetCatalogResponse)answer.View!;
    }
}
