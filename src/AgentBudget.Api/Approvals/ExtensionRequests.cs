using System.Globalization;
using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Approvals;

/// <summary>RequestExtension, ListExtensionRequests and DecideExtension.</summary>
internal sealed class ExtensionRequests(ApiContext context)
{
    // Who may ask without a session that needs it.
    private const Roles Askers = Roles.Admin | Roles.Owner | Roles.Finance;

    internal async ValueTask<RequestExtensionResponse> RequestAsync(RequestExtensionRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        Caller caller = CallerScope.CallerOf(call);
        bool isOfSession = request.SessionToken.Length > 0 || (caller.Role & Askers) == Roles.None;
        SessionPlace place = isOfSession
            ? context.Callers.SessionOf(call, request.SessionToken, ref faults)
            : new SessionPlace(context.Callers.TenantOf(call), 0);
        Check(request, ref faults);
        faults.ThrowIfAny();
        if (!isOfSession && OwnScope.Of(call) is { } own
            && !own.Owns(request.Grain, await context.CatalogOfAsync(place.Tenant)))
        {
            throw ErrorMap.Of(Outcome.GrainNotFound);
        }

        // No token belongs into the ledger.
        request.SessionToken = "";
        RequestExtensionCommand command =
            new(request, place.Number, isOfSession ? caller.SpendsAs : caller.Principal);
        Answer answer = await context.SubmitAsync(place.Tenant, command);
        return new RequestExtensionResponse
        {
            ExtensionRequest = await ReadAsync(place.Tenant, Names.ExtensionRequest(answer.Event!.Sequence), null),
        };
    }

    internal async ValueTask<ListExtensionRequestsResponse> ListAsync(
        ListExtensionRequestsRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.PageSize(ref faults, request.PageSize);
        FieldChecks.Defined(ref faults, "state", request.State);
        if (request.Grain.Length > 0)
            FieldChecks.Grain(ref faults, "grain", request.Grain);
        bool isPage = request.PageToken.Length == 0
            || (long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out long page)
                && page > 0);
        if (!isPage)
            faults.Add("page_token", "must be the next_page_token of the page before");
        faults.ThrowIfAny();
        Answer answer = await context.SubmitAsync(
            context.Callers.TenantOf(call), new ExtensionRequestsQuery(request, SightOf(call)));
        return (ListExtensionRequestsResponse)answer.View!;
    }

    internal async ValueTask<DecideExtensionResponse> DecideAsync(DecideExtensionRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        CheckName(ref faults, request.ExtensionRequest);
        if (request.Decision is not (ExtensionState.Approved or ExtensionState.Refused))
            faults.Add("decision", "must be EXTENSION_STATE_APPROVED or EXTENSION_STATE_REFUSED");
        FieldChecks.Money(ref faults, "amount", request.Amount, isZeroRight: false);
        FieldChecks.Count(ref faults, "amount_tokens", request.AmountTokens);
        FieldChecks.Time(ref faults, "expire_time", request.ExpireTime);
        bool isGrant = request.Amount is not null || request.AmountTokens > 0 || request.ExpireTime is not null;
        if (isGrant && request.Decision == ExtensionState.Refused)
            faults.Add("amount", "must be absent, and amount_tokens and expire_time too, where nothing is granted");
        faults.ThrowIfAny();

        string tenant = context.Callers.TenantOf(call);
        Answer answer = await context.SubmitAsync(
            tenant, new DecideExtensionCommand(request, CallerScope.CallerOf(call).Principal));
        BudgetExtended? extended = answer.Event!.ExtensionDecided.Extended;
        return new DecideExtensionResponse
        {
            ExtensionRequest = await ReadAsync(tenant, request.ExtensionRequest, null),
            Before = extended?.Before,
            After = extended?.After,
        };
    }

    /// <summary>One request as it stands, if its reader sees it; otherwise it is one that does not exist.</summary>
    internal async ValueTask<ExtensionRequest> ReadAsync(string tenant, string name, ExtensionSight? sight)
    {
        Answer answer = await context.SubmitAsync(tenant, new ExtensionRequestQuery(name, sight));
        return (ExtensionRequest)answer.View!;
    }

    /// <summary>What a call's caller sees; null for the whole tenant.</summary>
    internal static ExtensionSight? SightOf(ApiCall call)
    {
        if (OwnScope.Of(call) is not { } own) return null;
        // An owner's name may be that of somebody who asked in another role: it sees what it owns.
        string principal = own.Agent is null ? "" : Principals.OfActor(CallerScope.CallerOf(call).Principal);
        return new ExtensionSight(own.Owned, own.User, principal);
    }

    internal static void CheckName(ref FieldFaults faults, string name)
    {
        if (name.Length == 0)
            faults.Add("extension_request", "must be the name of a request such as extension-requests/x17");
    }

    private static void Check(RequestExtensionRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Grain(ref faults, "grain", request.Grain);
        FieldChecks.Text(ref faults, "reason", request.Reason, charsMin: 1);
        FieldChecks.Money(ref faults, "amount", request.Amount, isZeroRight: false);
        FieldChecks.Count(ref faults, "amount_tokens", request.AmountTokens);
        FieldChecks.Time(ref faults, "expire_time", request.ExpireTime);
        if (request.Window.Length > 0 && !FieldRules.IsWord(request.Window))
            faults.Add("window", "must be the name of a window such as month");
        bool isOne = request.Amount is null == request.AmountTokens > 0;
        if (!isOne)
            faults.Add("amount", "must be given, or amount_tokens: exactly one of them");
    }
}
