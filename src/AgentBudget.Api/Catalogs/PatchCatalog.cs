using AgentBudget.Api.Access;
using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Catalogs;

/// <summary>PatchCatalog: read the document, name every fault with its line, patch whole or change nothing.</summary>
internal sealed class PatchCatalog(ApiContext context)
{
    internal async ValueTask<PatchCatalogResponse> HandleAsync(PatchCatalogRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Defined(ref faults, "format", request.Format);
        if (request.Document.Length == 0)
            faults.Add("document", "must be a patch of a catalog");
        if (request.HasBaseVersion && request.BaseVersion < 0)
            faults.Add("base_version", "must not be negative");
        faults.ThrowIfAny();

        string tenant = context.Callers.TenantOf(call);
        CatalogReading reading = CatalogReader.ReadPatch(
            request.Document, request.Format, await context.CurrencyOfAsync(tenant));
        if (reading.Catalog.Tenant.Length > 0 && reading.Catalog.Tenant != tenant)
        {
            faults.Add(
                "tenant", $"line {reading.LineOf("tenant")}: must be {tenant}, the tenant that the call is about");
        }

        CatalogFaults.Add(ref faults, reading);
        faults.ThrowIfAny();
        return await PatchAsync(tenant, request, reading, CallerScope.CallerOf(call).Principal);
    }

    private async ValueTask<PatchCatalogResponse> PatchAsync(
        string tenant, PatchCatalogRequest request, CatalogReading reading, string actor)
    {
        if (request.Format == CatalogFormat.Unspecified)
            request.Format = CatalogFormat.Yaml;
        try
        {
            var command = new PatchCatalogCommand(request, reading.Catalog, reading.Remove, reading.Notices, actor);
            Answer answer = await context.Host.SubmitAsync(tenant, command);
            if (answer.Outcome != Outcome.Done)
                throw CatalogFaults.ErrorOf(answer, reading);
            CatalogPatched patched = answer.Event!.CatalogPatched;
            // Where nothing was recorded, what was in force still is.
            PatchCatalogResponse response = new()
            {
                Version = answer.Event.Sequence > 0 ? answer.Event.Sequence : patched.BaseVersion,
            };
            response.Changes.AddRange(patched.Changes);
            response.Notices.AddRange(patched.Notices);
            return response;
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }
}
