using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs;

/// <summary>GetCatalog: the catalog as it was applied, or as patches made it.</summary>
internal sealed class GetCatalog(ApiContext context)
{
    internal async ValueTask<GetCatalogResponse> HandleAsync(GetCatalogRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.Defined(ref faults, "format", request.Format);
        faults.ThrowIfAny();
        Answer answer = await context.SubmitAsync(context.Callers.TenantOf(call), new CatalogQuery());
        var response = (GetCatalogResponse)answer.View!;
        if (response.Document.Length == 0)
            response.Document = CatalogWriter.Write(response.Catalog, response.Format);
        return response;
    }
}
