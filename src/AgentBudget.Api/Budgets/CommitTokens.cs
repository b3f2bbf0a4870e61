using AgentBudget.Api.Access;
using AgentBudget.Api.Budgets.Providers;
using AgentBudget.Api.Errors;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Budgets;

/// <summary>CommitTokens: validate, settle, answer what the event says.</summary>
internal sealed class CommitTokens(ApiContext context)
    : SpendMethod<CommitTokensRequest, CommitTokensResponse>(context)
{
    private static readonly AccessRule Rule = AccessPolicy.Of("/agentbudget.v1.BudgetService/CommitTokens");

    internal override TenantCommand Read(CommitTokensRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        SessionPlace place = Context.Callers.SessionOf(call, Rule, request.SessionToken, ref faults);
        Check(request, ref faults);
        faults.ThrowIfAny();

        // A name that no reservation can have is a reservation that does not exist.
        if (!Names.TryParseReservation(request.ReservationId, out long reservation))
            throw ApiErrors.ReservationNotFound();
        request.SessionToken = "";
        return new TenantCommand(place.Tenant, new CommitCommand(place.Number, reservation, request));
    }

    internal override CommitTokensResponse View(LedgerEvent ledgerEvent, string currency) =>
        ReservationViews.Settled(ledgerEvent, currency);

    private static void Check(CommitTokensRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Model(ref faults, request.Model, isRequired: false);
        if (request.ReservationId.Length == 0)
            faults.Add("reservation_id", "must name the reservation to settle");
        if (request.UsageSource is < UsageSource.Unspecified or > UsageSource.Estimated)
            FieldChecks.Defined(ref faults, "usage_source", request.UsageSource);
        if (request.ProviderUsage is { } report)
            Normalise(request, report, ref faults);
        else if (request.Usage is { } usage)
            Check(usage, ref faults);
        else
            faults.Add("usage", "must say what was used, if only zero");
    }

    // From here on it is the usage that the report comes to, for the ledger and for repetitions alike.
    private static void Normalise(CommitTokensRequest request, ProviderUsage report, ref FieldFaults faults)
    {
        if (request.Usage is not null)
            faults.Add("provider_usage", "must not be given beside usage");
        if (request.UsageSource == UsageSource.Estimated)
            faults.Add("usage_source", "must be PROVIDER with provider_usage, or left out");
        request.Usage = UsageReports.Read(report, ref faults);
        request.ProviderUsage = null;
    }

    private static void Check(TokenUsage usage, ref FieldFaults faults)
    {
        FieldChecks.Count(ref faults, "usage.input_tokens", usage.InputTokens);
        FieldChecks.Count(ref faults, "usage.output_tokens", usage.OutputTokens);
        FieldChecks.Count(ref faults, "usage.cache_read_tokens", usage.CacheReadTokens);
        FieldChecks.Count(ref faults, "usage.cache_write_5m_tokens", usage.CacheWrite5MTokens);
        FieldChecks.Count(ref faults, "usage.cache_write_1h_tokens", usage.CacheWrite1HTokens);
        FieldChecks.Count(ref faults, "usage.reasoning_tokens", usage.ReasoningTokens);
        FieldChecks.Count(ref faults, "usage.input_audio_tokens", usage.InputAudioTokens);
        FieldChecks.Count(ref faults, "usage.output_audio_tokens", usage.OutputAudioTokens);
        FieldChecks.Count(ref faults, "usage.input_image_tokens", usage.InputImageTokens);
        EstimateChecks.Check("usage.items", usage.Items, ref faults);
    }
}
