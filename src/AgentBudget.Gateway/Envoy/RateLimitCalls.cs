using System.Globalization;
using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Envoy.Core;
using AgentBudget.Gateway.Envoy.RateLimits;
using AgentBudget.Gateway.Options;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using StatusCode = Grpc.Core.StatusCode;

namespace AgentBudget.Gateway.Envoy;

/// <summary>
/// Envoy's rate limit service, over the budget: what descriptors mean is told by rules, what they add is spend. Each
/// descriptor has its own status; one that no rule fits is unlimited.
/// </summary>
internal sealed class RateLimitCalls(GatewayServices services) : RateLimitService.RateLimitServiceBase
{
    private const string Operation = "envoy.ratelimit";
    private const int DescriptorsMax = 64;
    private const ulong HitsMax = 1_000_000_000_000; // As estimates and usage take them.

    /// <inheritdoc/>
    public override async Task<RateLimitResponse> ShouldRateLimit(RateLimitRequest request, ServerCallContext context)
    {
        long start = services.Time.GetTimestamp();
        await using EnvoyUse use = await services.EnvoyCallers.TakeAsync(
            context.RequestHeaders.GetValue("authorization") ?? "", context.CancellationToken);
        Asked[] asked = [.. Read(request)];
        Dictionary<HitTarget, Task<HitVerdict>> answers = [];
        // The same calls are told of by several descriptors, and were made once.
        foreach (var same in asked.Where(one => one.Target is not null).GroupBy(one => one.Target!))
        {
            answers[same.Key] = AskAsync(
                use.Caller, same.Key, same.First().Rule!, same.Max(one => one.Hits), context.CancellationToken);
        }

        await Task.WhenAll(answers.Values);
        RateLimitResponse response = Respond([.. asked.Select(one =>
            one.Target is null ? (one, null) : (one, answers[one.Target].Result))]);
        int status = response.OverallCode == RateLimitResponse.Types.Code.Ok ? 200 : 429;
        services.Telemetry.Ended(Operation, "", status, services.Time.GetElapsedTime(start));
        return response;
    }

    private async Task<HitVerdict> AskAsync(
        EnvoyCaller caller, HitTarget target, EnvoyRuleModel rule, long hits, CancellationToken cancellation)
    {
        CallRefusedException refusal;
        try
        {
            return await services.Hits.AskAsync(caller, target, rule, hits, cancellation);
        }
        catch (CallRefusedException fault)
        {
            refusal = fault;
        }
        catch (AgentBudgetException fault) when (fault.Reason is "CREDENTIAL_INVALID" or "ROLE_FORBIDDEN")
        {
            throw new RpcException(new Status(StatusCode.PermissionDenied, fault.Message));
        }
        catch (AgentBudgetException fault)
        {
            refusal = Denials.Of(fault);
        }

        // Whether traffic passes without an answer is for Envoy's failure_mode_deny to say.
        if (refusal.Kind is RefusalKind.Unavailable or RefusalKind.Busy)
            throw new RpcException(new Status(StatusCode.Unavailable, refusal.Message));
        return new HitVerdict(refusal, null);
    }

    private IEnumerable<Asked> Read(RateLimitRequest request)
    {
        if (request.Domain.Length == 0) throw Invalid("domain must not be empty");
        if (request.Descriptors.Count is 0 or > DescriptorsMax)
            throw Invalid($"descriptors must be 1 to {DescriptorsMax}");
        foreach (RateLimitDescriptor descriptor in request.Descriptors)
        {
            if (descriptor.IsNegativeHits)
                throw Invalid("is_negative_hits is not taken: spend that was made is corrected by AdjustSpend");
            if (descriptor.Limit is not null)
                throw Invalid("limit is not taken: the catalog's budgets are the limits");
            ulong hits = descriptor.HitsAddend ?? (request.HitsAddend == 0 ? 1 : request.HitsAddend);
            if (hits > HitsMax) throw Invalid($"hits_addend must be at most {HitsMax}");
            HitTarget? target = null;
            EnvoyRuleModel? rule = services.Model.Envoy!.Rules.FirstOrDefault(
                one => (target = HitTarget.Of(one, request.Domain, descriptor)) is not null);
            yield return new Asked(rule, target, (long)hits);
        }
    }

    private RateLimitResponse Respond(IReadOnlyList<(Asked Asked, HitVerdict? Verdict)> verdicts)
    {
        RateLimitResponse response = new() { OverallCode = RateLimitResponse.Types.Code.Ok };
        ListValue told = new();
        HitLimit? closest = null;
        CallRefusedException? refusal = null;
        foreach ((Asked asked, HitVerdict? verdict) in verdicts)
        {
            bool isOver = verdict?.Refusal is not null && !asked.Rule!.IsShadow;
            if (isOver)
            {
                response.OverallCode = RateLimitResponse.Types.Code.OverLimit;
                refusal ??= verdict!.Refusal;
            }

            HitLimit? limit = verdict?.Limit;
            if (limit is not null && (closest is null || limit.Left < closest.Left)) closest = limit;
            response.Statuses.Add(StatusOf(isOver, verdict));
            told.Values.Add(Value.ForStruct(Describe(verdict)));
        }

        response.DynamicMetadata = new Struct { Fields = { ["statuses"] = new Value { ListValue = told } } };
        if (closest is not null) AddLimit(response, closest);
        if (refusal is not null) AddRefusal(response, refusal);
        return response;
    }

    private RateLimitResponse.Types.DescriptorStatus StatusOf(bool isOver, HitVerdict? verdict)
    {
        RateLimitResponse.Types.DescriptorStatus status = new()
        {
            Code = isOver ? RateLimitResponse.Types.Code.OverLimit : RateLimitResponse.Types.Code.Ok,
            LimitRemaining = verdict?.Refusal is not null ? 0 : uint.MaxValue,
        };
        if (verdict?.Limit is not { } limit) return status;
        status.LimitRemaining = Clamp(limit.Left);
        status.CurrentLimit = new RateLimitResponse.Types.RateLimit
        {
            Name = limit.Grain,
            RequestsPerUnit = Clamp(limit.Most),
            Unit = UnitOf(limit.Window),
        };
        if (limit.ResetTime is { } reset) status.DurationUntilReset = Duration.FromTimeSpan(Until(reset));
        return status;
    }

    // Numbers of a Struct are of 53 bits, so what may be larger is text.
    private static Struct Describe(HitVerdict? verdict)
    {
        Struct told = new();
        if (verdict?.Limit is { } limit)
        {
            told.Fields["grain"] = Value.ForString(limit.Grain);
            told.Fields["limit"] = Value.ForString(Text(limit.Most));
            told.Fields["remaining"] = Value.ForString(Text(limit.Left));
        }

        if (verdict?.Refusal is { } refusal)
        {
            told.Fields["reason"] = Value.ForString(refusal.Reason);
            told.Fields["message"] = Value.ForString(refusal.Message);
        }

        return told;
    }

    private void AddLimit(RateLimitResponse response, HitLimit limit)
    {
        Add(response, "x-ratelimit-limit", Text(limit.Most));
        Add(response, "x-ratelimit-remaining", Text(limit.Left));
        if (limit.ResetTime is { } reset)
            Add(response, "x-ratelimit-reset", Text((long)Math.Ceiling(Until(reset).TotalSeconds)));
    }

    private void AddRefusal(RateLimitResponse response, CallRefusedException refusal)
    {
        // Which dialect its caller speaks is not told; this one's message the SDKs of others show too.
        ErrorAnswer answer = OpenAiErrors.Instance.Answer(
            refusal, "", "", services.Model.Options.RefusalStatus, services.Time.GetUtcNow());
        foreach ((string name, string value) in answer.Headers) Add(response, name, HeaderText.Of(value));
        Add(response, "content-type", "application/json");
        response.RawBody = ByteString.CopyFrom(answer.Body);
        services.Telemetry.Refused(Operation, refusal.Reason.Length > 0 ? refusal.Reason : refusal.Kind.ToString());
    }

    private static RateLimitResponse.Types.RateLimit.Types.Unit UnitOf(string window) => window.Split(':')[0] switch
    {
        "hour" => RateLimitResponse.Types.RateLimit.Types.Unit.Hour,
        "day" => RateLimitResponse.Types.RateLimit.Types.Unit.Day,
        "week" => RateLimitResponse.Types.RateLimit.Types.Unit.Week,
        "month" => RateLimitResponse.Types.RateLimit.Types.Unit.Month,
        "year" => RateLimitResponse.Types.RateLimit.Types.Unit.Year,
        _ => RateLimitResponse.Types.RateLimit.Types.Unit.Unknown, // A quarter, a rolling time, none.
    };

    private TimeSpan Until(DateTimeOffset reset)
    {
        TimeSpan left = reset - services.Time.GetUtcNow();
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    private static void Add(RateLimitResponse response, string name, string value) =>
        response.ResponseHeadersToAdd.Add(new HeaderValue { Key = name, Value = value });

    private static uint Clamp(long count) => count >= uint.MaxValue ? uint.MaxValue : (uint)Math.Max(count, 0);

    private static string Text(long count) => count.ToString(CultureInfo.InvariantCulture);

    private static RpcException Invalid(string message) => new(new Status(StatusCode.InvalidArgument, message));

    private sealed record Asked(EnvoyRuleModel? Rule, HitTarget? Target, long Hits);
}
