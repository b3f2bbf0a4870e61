using AgentBudget.Client;
using AgentBudget.Gateway.Calls;
using AgentBudget.Gateway.Options;
using AgentBudget.Gateway.Sessions;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Gateway.Envoy;

/// <summary>
/// Counts hits as spend. Zero hits only ask whether one more would fit. Others are held and settled at once, on every
/// account of the session's path. Where the budget has no room for them and their call was made all the same, they are
/// settled on a hold that the session keeps for that, in full and marked as overrun.
/// </summary>
internal sealed partial class HitMeter(SessionBook sessions, TimeProvider time, ILogger logger)
{
    private static readonly TimeSpan CountTtl = TimeSpan.FromMinutes(1);

    private readonly SpareHolds _spares = new(time);

    /// <summary>Counts hits, or asks.</summary>
    /// <param name="caller">Who asks.</param>
    /// <param name="target">Where they are counted.</param>
    /// <param name="rule">How.</param>
    /// <param name="hits">How many; none only asks.</param>
    /// <param name="cancellation">Gives an asking up; what is counted is counted to its end.</param>
    /// <exception cref="AgentBudgetException">The budget cannot be asked.</exception>
    public async Task<HitVerdict> AskAsync(
        EnvoyCaller caller,
        HitTarget target,
        EnvoyRuleModel rule,
        long hits,
        CancellationToken cancellation)
    {
        using SessionUse spender = await UseAsync(caller, target, cancellation);
        HitCall call = new(caller.Client, target, rule, spender);
        (CallRefusedException? refusal, decimal? unitNanos) = hits == 0
            ? await PeekAsync(call, cancellation)
            : await CountAsync(call, hits);
        return new HitVerdict(refusal, await HitLimits.OfAsync(call, refusal, unitNanos, cancellation));
    }

    private Task<SessionUse> UseAsync(EnvoyCaller caller, HitTarget target, CancellationToken cancellation)
    {
        if (target.Agent.Length > 0) return sessions.TakeAsync(caller.Key, target.ToContext(), cancellation);
        var key = CallerKey.OfText(target.SessionToken);
        return key.Session is not null
            ? sessions.TakeAsync(key, target.ToContext(), cancellation)
            : throw new CallRefusedException(
                RefusalKind.Unauthenticated, "No session. Send a session's token as the API key.");
    }

    private async Task<(CallRefusedException? Refusal, decimal? UnitNanos)> PeekAsync(
        HitCall call, CancellationToken cancellation)
    {
        ReserveTokensRequest question = call.Request(1);
        question.DryRun = true;
        ReserveTokensResponse answer = await call.Client.ReserveAsync(question, cancellation);
        if (answer.Decision is not (Decision.Allow or Decision.AllowDowngraded))
            return (Denials.Of(answer.Denial ?? new Denial()), null);
        if (call.Rule.RecordsOver) await _spares.KeepAsync(call, cancellation);
        return (null, HitCall.UnitNanosOf(answer, 1));
    }

    private async Task<(CallRefusedException? Refusal, decimal? UnitNanos)> CountAsync(HitCall call, long hits)
    {
        ReserveTokensRequest request = call.Request(hits);
        request.OnExpiry = OnExpiry.Charge; // Its gateway may die before it is settled.
        request.Ttl = Duration.FromTimeSpan(CountTtl);
        CallRefusedException refusal;
        try
        {
            await using BudgetScope scope = await call.Client.BeginScopeAsync(request, CancellationToken.None);
            if (scope.IsAllowed)
            {
                scope.Use(call.Usage(hits));
                CommitTokensResponse settled = await scope.CommitAsync(CancellationToken.None);
                if (settled.UnpricedItems.Count > 0) return (Unpriced(call.Target), null);
                if (call.Rule.RecordsOver) await _spares.KeepAsync(call, CancellationToken.None);
                return (null, HitCall.UnitNanosOf(scope.Answer, hits));
            }

            refusal = Denials.Of(scope.Denial ?? new Denial());
        }
        catch (AgentBudgetException fault) when (fault.Reason is "SESSION_TOKEN_INVALID" or "SESSION_NOT_FOUND")
        {
            refusal = Denials.Of(fault); // The session is over, and its call was made.
        }

        if (call.Rule.RecordsOver) await RecordOverAsync(call, hits);
        return (refusal, null);
    }

    private async Task RecordOverAsync(HitCall call, long hits)
    {
        if (await _spares.FindAsync(call) is not { } hold)
        {
            Log.NotRecorded(logger, hits, call.Target.ToString(), call.Spender.Session);
            return;
        }

        CommitTokensRequest part = call.Usage(hits);
        part.ReservationId = hold;
        part.SessionToken = call.Spender.Token;
        part.Final = false;
        await call.Client.CommitAsync(part, CancellationToken.None);
        _spares.Used(call);
    }

    private static CallRefusedException Unpriced(HitTarget target) => new(
        RefusalKind.Invalid, $"The price book has no SKU {target.Sku}, so hits cost nothing. Add it to the catalog.")
    { Reason = "UNKNOWN_PRICE" };

    private static partial class Log
    {
        [LoggerMessage(
            4,
            LogLevel.Error,
            "{Hits} {What} of {Session} are in no ledger: they came above its limit, and it had nothing held for them")]
        public static partial void NotRecorded(ILogger logger, long hits, string what, string session);
    }
}
