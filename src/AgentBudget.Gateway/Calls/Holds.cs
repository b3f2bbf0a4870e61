using System.Collections.Concurrent;
using AgentBudget.Client;
using AgentBudget.Gateway.Dialects;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;

namespace AgentBudget.Gateway.Calls;

/// <summary>A hold that was taken for a call.</summary>
/// <param name="Scope">Settles or releases it.</param>
/// <param name="OutputMost">The most output tokens that the call can make.</param>
/// <param name="InjectedMaximum">The maximum that the gateway sets because nobody else does; null for none.</param>
/// <param name="IsFallback">Another model runs, because the upstream of the first one failed.</param>
internal sealed record Hold(
    BudgetScope Scope, long OutputMost, long? InjectedMaximum, bool IsFallback = false)
{
    public bool IsDowngraded => Scope.Answer.Decision == Decision.AllowDowngraded;
}

/// <summary>Takes the hold of a call: the most that it can cost.</summary>
internal sealed class Holds(
    AgentBudgetClient client, GatewayOptions options, InputMargin margin, TimeProvider time)
{
    /// <summary>
    /// How long a hold stands. When its gateway dies, the hold is charged then: its call was probably made.
    /// </summary>
    public static readonly TimeSpan Ttl = TimeSpan.FromMinutes(10);

    private const int ModelsMax = 10_000;
    private static readonly TimeSpan MaximumKnown = TimeSpan.FromMinutes(1);

    // Models for which the catalog has no greatest output, and since when that is known.
    private readonly ConcurrentDictionary<string, long> _withoutMaximum = new(StringComparer.Ordinal);

    public async Task<Hold> TakeAsync(
        CallShape shape, SessionUse spender, CallerContext context, CancellationToken cancellation)
    {
        CheckMaximum(shape);
        (BudgetScope scope, long? injected) = await WithMaximumAsync(
            shape,
            maximum => client.BeginScopeAsync(Request(shape, spender, context, maximum), cancellation));
        if (!scope.IsAllowed) throw Denials.Of(scope.Denial ?? new Denial());
        return new Hold(scope, OutputMostOf(shape, injected) ?? long.MaxValue, injected);
    }

    /// <summary>What would be decided of a call, with no effect.</summary>
    public async Task<ReserveTokensResponse> AskAsync(
        CallShape shape, SessionUse spender, CallerContext context, CancellationToken cancellation)
    {
        CheckMaximum(shape);
        return (await WithMaximumAsync(shape, maximum =>
        {
            ReserveTokensRequest question = Request(shape, spender, context, maximum);
            question.DryRun = true;
            return client.ReserveAsync(question, cancellation);
        })).Answer;
    }

    // A call that names no maximum gets ours where the catalog has none, which is known from its refusal.
    private async Task<(T Answer, long? Injected)> WithMaximumAsync<T>(CallShape shape, Func<long?, Task<T>> ask)
    {
        long? injected = shape.MaxOutputTokens is null && IsWithoutMaximum(shape.Model)
            ? options.MaxOutputTokens
            : null;
        try
        {
            return (await ask(injected), injected);
        }
        catch (AgentBudgetException fault) when (injected is null && shape.MaxOutputTokens is null
            && fault.FieldFaults.Any(field => field.Field.Contains("max_output_tokens", StringComparison.Ordinal)))
        {
            if (_withoutMaximum.Count < ModelsMax) _withoutMaximum[shape.Model] = time.GetTimestamp();
            return (await ask(options.MaxOutputTokens), options.MaxOutputTokens);
        }
    }

    private static void CheckMaximum(CallShape shape)
    {
        if (shape.MaxOutputTokens is null && (shape.Answers > 1 || shape.FurtherOutputTokens > 0))
            throw new CallRefusedException(
                RefusalKind.Invalid, "Several answers, or a prediction, need a maximum of tokens: send it.");
    }

    /// <summary>Changes a hold to another model's price, before that is called.</summary>
    /// <returns>The hold as it is then; null where the budget does not allow it, and the old one stands.</returns>
    public async Task<Hold?> AmendAsync(Hold hold, CallShape shape, string model, CancellationToken cancellation)
    {
        long? injected = shape.MaxOutputTokens is null ? options.MaxOutputTokens : null;
        AmendReservationRequest change = new()
        {
            Model = model,
            Estimate = EstimateOf(shape with { Model = model }, injected),
            Ttl = Duration.FromTimeSpan(Ttl),
        };
        AmendReservationResponse answer = await hold.Scope.AmendAsync(change, cancellation);
        return answer.Decision == Decision.Allow
            ? new Hold(hold.Scope, OutputMostOf(shape, injected) ?? long.MaxValue, injected, IsFallback: true)
            : null;
    }

    private bool IsWithoutMaximum(string model) =>
        _withoutMaximum.TryGetValue(model, out long since) && time.GetElapsedTime(since) < MaximumKnown;

    private static long? OutputMostOf(CallShape shape, long? injected) =>
        (shape.MaxOutputTokens ?? injected) is { } most ? (most * shape.Answers) + shape.FurtherOutputTokens : null;

    private ReserveTokensRequest Request(
        CallShape shape, SessionUse spender, CallerContext context, long? injected)
    {
        ReserveTokensRequest request = new()
        {
            SessionToken = spender.Token,
            Model = shape.Model,
            Estimate = EstimateOf(shape, injected),
            OnExpiry = OnExpiry.Charge,
            Ttl = Duration.FromTimeSpan(Ttl),
            ServiceTier = shape.ServiceTier,
            Region = shape.Region,
        };
        foreach ((string name, string value) in context.Tags) request.Tags[name] = value;
        return request;
    }

    private TokenEstimate EstimateOf(CallShape shape, long? injected)
    {
        long input = margin.MostOf(shape.Model, shape.Input, options.WindowTokens);
        if (shape.ReadsMore) input = Math.Max(input, options.WindowTokens);
        TokenEstimate estimate = new();
        if (shape.Input.WritesCacheForAnHour) estimate.CacheWrite1HTokens = input;
        else if (shape.Input.WritesCache) estimate.CacheWrite5MTokens = input;
        else estimate.InputTokens = input;
        if (OutputMostOf(shape, injected) is { } output)
        {
            estimate.MaxOutputTokens = output;
            if (shape.MayBeAudio) estimate.OutputAudioTokens = output;
        }

        estimate.Items.AddRange(shape.Items);
        return estimate;
    }
}
