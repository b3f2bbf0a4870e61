using AgentBudget.Api.Access;
using AgentBudget.Api.Catalogs.Documents;
using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Catalogs;

/// <summary>ApplyCatalog: read the document, name every fault with its line, apply it whole or not at all.</summary>
internal sealed class ApplyCatalog(ApiContext context)
{
    internal async ValueTask<ApplyCatalogResponse> HandleAsync(ApplyCatalogRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Defined(ref faults, "format", request.Format);
        if (request.Document.Length == 0)
            faults.Add("document", "must be a catalog");
        faults.ThrowIfAny();

        CatalogReading reading = CatalogReader.Read(request.Document, request.Format);
        string? tenant = CallerScope.CallerOf(call) is CredentialCaller
            ? context.Callers.TenantOf(call)
            : CallerScope.TenantNamedBy(call);
        if (tenant is not null && reading.Catalog.Tenant.Length > 0 && reading.Catalog.Tenant != tenant)
        {
            faults.Add(
                "tenant", $"line {reading.LineOf("tenant")}: must be {tenant}, the tenant that the call is about");
        }

        CatalogFaults.Add(ref faults, reading);
        faults.ThrowIfAny();
        return await ApplyAsync(request, reading, CallerScope.CallerOf(call).Principal);
    }

    /// <summary>Applies a document that was read without faults.</summary>
    internal async ValueTask<ApplyCatalogResponse> ApplyAsync(
        ApplyCatalogRequest request, CatalogReading reading, string actor)
    {
        if (request.Format == CatalogFormat.Unspecified)
            request.Format = CatalogFormat.Yaml;
        try
        {
            Answer answer = await context.Host.SubmitAsync(
                reading.Catalog.Tenant, new ApplyCatalogCommand(request, reading.Catalog, reading.Notices, actor));
            if (answer.Outcome != Outcome.Done)
                throw CatalogFaults.ErrorOf(answer, reading);
            CatalogApplied applied = answer.Event!.CatalogApplied;
            ApplyCatalogResponse response = new() { Version = answer.Event.Sequence };
            response.Changes.AddRange(applied.Changes);
            response.Notices.AddRange(applied.Notices);
            return response;
        }
        catch (TenantException fault)
        {
            throw ErrorMap.Of(fault);
        }
    }
}
