using AgentBudget.Api.Access;
using AgentBudget.Api.Budgets.Providers;
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
        UsageReading? reading = Check(request, ref faults);
        faults.ThrowIfAny();

        // A name that no reservation of the session has is asked about like one that it could have.
        long reservation = Context.Reservations.Read(
            request.ReservationId, place.Tenant, place.Number, out bool isFormer);
        request.SessionToken = "";
        // What a former release named was held by nobody in particular, and is found for nobody in particular.
        string principal = isFormer ? "" : CallerScope.CallerOf(call).SpendsAs;
        return new TenantCommand(
            place.Tenant, new CommitCommand(place.Number, reservation, request, reading, principal));
    }

    internal override CommitTokensResponse View(LedgerEvent ledgerEvent, string tenant, string currency) =>
        ReservationViews.Settled(ledgerEvent, currency);

    // Answers how the provider's report was read, if there is one.
    private UsageReading? Check(CommitTokensRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Model(ref faults, request.Model, isRequired: false);
        if (request.ReservationId.Length == 0)
            faults.Add("reservation_id", "must name the reservation to settle");
        if (request.UsageSource is < UsageSource.Unspecified or > UsageSource.Billed)
            FieldChecks.Defined(ref faults, "usage_source", request.UsageSource);
        if (request.ServiceTier is < ServiceTier.Unspecified or > ServiceTier.Flex)
            FieldChecks.Defined(ref faults, "service_tier", request.ServiceTier);
        if (request.Region.Length > 0)
            FieldChecks.Region(ref faults, request.Region);
        FieldChecks.Money(ref faults, "billed_cost", request.BilledCost, isZeroRight: true);
        if (request is { UsageSource: UsageSource.Billed, BilledCost: null })
            faults.Add("billed_cost", "must say what was billed");
        if (request.ProviderUsage is not null)
            return Normalise(request, ref faults);
        if (request.Parts.Count > 0)
            CheckParts(request, ref faults);
        if (request.Usage is { } usage)
            Check("usage", usage, ref faults);
        else
            faults.Add("usage", "must say what was used, if only zero");
        return null;
    }

    // From here on it is the usage that the report comes to, for the ledger and for repetitions alike.
    private UsageReading Normalise(CommitTokensRequest request, ref FieldFaults faults)
    {
        if (request.Usage is not null || request.Parts.Count > 0)
            faults.Add("provider_usage", "must not be given beside usage");
        if (request.UsageSource == UsageSource.Estimated)
            faults.Add("usage_source", "must be PROVIDER with provider_usage, or left out");
        string dialect = UsageReports.DialectOf(request.ProviderUsage);
        UsageReading reading = UsageReports.Normalise(request, ref faults);
        Context.Reports.Left(dialect, reading.Unread);
        return reading;
    }

    private static void CheckParts(CommitTokensRequest request, ref FieldFaults faults)
    {
        if (request.Parts.Count > ReportReader.PartsMax)
            faults.Add("parts", $"must be at most {ReportReader.PartsMax}");
        request.Usage ??= new TokenUsage();
        foreach (UsagePart part in request.Parts)
        {
            FieldChecks.Model(ref faults, part.Model, isRequired: false, "parts.model");
            if (part.Usage is null)
                faults.Add("parts.usage", "must say what was used");
            else if (part.Usage.Items.Count > 0)
                faults.Add("parts.usage.items", "must be given in usage");
            else
                Check("parts.usage", part.Usage, ref faults);
        }
    }

    private static void Check(string path, TokenUsage usage, ref FieldFaults faults)
    {
        Check("input_tokens", usage.InputTokens, ref faults);
        Check("output_tokens", usage.OutputTokens, ref faults);
        Check("cache_read_tokens", usage.CacheReadTokens, ref faults);
        Check("cache_write_5m_tokens", usage.CacheWrite5MTokens, ref faults);
        Check("cache_write_1h_tokens", usage.CacheWrite1HTokens, ref faults);
        Check("reasoning_tokens", usage.ReasoningTokens, ref faults);
        Check("input_audio_tokens", usage.InputAudioTokens, ref faults);
        Check("output_audio_tokens", usage.OutputAudioTokens, ref faults);
        Check("input_image_tokens", usage.InputImageTokens, ref faults);
        Check("cache_read_audio_tokens", usage.CacheReadAudioTokens, ref faults);
        Check("cache_write_audio_tokens", usage.CacheWriteAudioTokens, ref faults);
        Check("output_image_tokens", usage.OutputImageTokens, ref faults);
        if (usage.Items.Count > 0)
            EstimateChecks.Check($"{path}.items", usage.Items, ref faults);

        // The path is put together for a fault alone.
        void Check(string bucket, long count, ref FieldFaults found)
        {
            if (count is < 0 or > FieldRules.CountMax)
                FieldChecks.Count(ref found, $"{path}.{bucket}", count);
        }
    }
}
