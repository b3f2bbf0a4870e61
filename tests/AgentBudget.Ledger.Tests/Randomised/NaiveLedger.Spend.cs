using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests.Randomised;

// Reserve, amend, commit and release.
internal sealed partial class NaiveLedger
{
    private sealed record Refusal(string Reason, string Grain, string Unit, decimal[] Numbers, string Window = "");

    private sealed record Grant(Refusal? Refusal, string Model, decimal Cost, decimal Tokens, string Suggested);

    public string Reserve(long number, ReserveTokensRequest request, long now)
    {
        if (Find(number, now) is not { } session) return "SessionNotFound";
        string content = Content(request, request.RequestId);
        if (Answered($"{number}/reserve", request.RequestId, content) is { } again) return again;

        long cached = request.Estimate.CacheReadTokens;
        (long In, long Out) estimate = (request.Estimate.InputTokens, request.Estimate.MaxOutputTokens);
        Grant grant = Decide(session, request.Model, request.Tool, estimate, cached, amended: null);
        if (grant.Refusal is not null) return Refuse(session, grant, "reserve", request.RequestId, content, now);

        Tell(session, now, mayTrip: false);
        session.Steps++;
        if (request.Tool.Length > 0) session.ToolCalls++;
        session.Watch?.CountCall(isStep: request.Model.Length > 0, request.Tool, request.ToolArgumentsDigest);
        var hold = new NaiveHold
        {
            Number = Events.Count + 1,
            Session = session,
            Model = grant.Model,
            Tool = request.Tool,
            Rates = Rates,
            Estimate = estimate,
            Expire = now + ((request.Ttl?.Seconds ?? 600) * Second),
            IsCharged = request.OnExpiry == OnExpiry.Charge,
            Nanos = grant.Cost,
            Tokens = grant.Tokens,
            Granted = grant.Tokens,
        };
        Holds.Add(hold);
        Emit(now, $"held s{number} {hold.Model} {hold.Nanos} {hold.Tokens} {hold.Expire}", session);
        return Remember($"{number}/reserve", request.RequestId, content, now);
    }

    public string Amend(long number, long reservation, AmendReservationRequest request, long now)
    {
        if (Find(number, now) is not { } session) return "SessionNotFound";
        string content = $"{reservation} {Content(request, request.RequestId)}";
        if (Answered($"{number}/amend", request.RequestId, content) is { } again) return again;
        if (FindHold(session, reservation, now, out NaiveHold? hold) is { } missing) return missing;
        if (hold!.State != "Held") return "ReservationTerminal";

        bool isPricedAgain = request.Model.Length > 0 || request.Estimate is not null;
        string model = request.Model.Length > 0 ? request.Model : hold.Model;
        (long In, long Out) estimate = request.Estimate is null
            ? hold.Estimate
            : (request.Estimate.InputTokens, request.Estimate.MaxOutputTokens);
        Grant grant = isPricedAgain
            ? Decide(session, model, hold.Tool, estimate, request.Estimate?.CacheReadTokens ?? 0, hold)
            : new Grant(RefusalOfSession(session, model, hold.Tool), hold.Model, hold.Nanos, hold.Tokens, "");
        if (grant.Refusal is not null) return Refuse(session, grant, "amend", request.RequestId, content, now);

        (hold.Model, hold.Nanos, hold.Tokens) = (grant.Model, grant.Cost, grant.Tokens);
        if (request.Ttl is not null) hold.Expire = now + (request.Ttl.Seconds * Second);
        if (isPricedAgain) (hold.Rates, hold.Estimate) = (Rates, estimate);
        string moved = isPricedAgain && grant.Model != model ? "cheaper" : "same";
        Emit(now, $"amended r{hold.Number} {hold.Model} {hold.Nanos} {hold.Tokens} {hold.Expire} {moved}", session);
        return Remember($"{number}/amend", request.RequestId, content, now);
    }

    public string Commit(long number, long reservation, CommitTokensRequest request, long now)
    {
        NaiveSession? session = Find(number, now);
        string scope = session is null ? $"{number}/late" : $"{number}/commit";
        session ??= Sessions.SingleOrDefault(known => known.Number == number && IsKept(known, now));
        if (session is null) return "SessionNotFound";
        bool isFinal = !request.HasFinal || request.Final;
        string content = $"{reservation} {request.Usage} {request.Model} {isFinal}";
        if (Answered(scope, request.RequestId, content) is { } again) return again;
        if (FindHold(session, reservation, now, out NaiveHold? hold) is { } missing) return missing;

        string ran = request.Model.Length > 0 ? request.Model : hold!.Model;
        string pricedAs = hold!.Rates.ContainsKey(ran) ? ran : hold.Model;
        decimal cost =
            Cost(hold.Rates[pricedAs], request.Usage.InputTokens, request.Usage.OutputTokens, roundsUp: false);
        (long In, long Out) left = hold.Estimate;
        left.In = Math.Max(0, left.In - request.Usage.InputTokens);
        left.Out = Math.Max(0, left.Out - request.Usage.OutputTokens);
        hold.Estimate = left;
        hold.Settled += (decimal)request.Usage.InputTokens + request.Usage.OutputTokens;
        Settle(hold, cost, (decimal)request.Usage.InputTokens + request.Usage.OutputTokens, ran, isFinal, now);
        return Remember(scope, request.RequestId, content, now);
    }

    public string Release(long number, long reservation, ReleaseTokensRequest request, long now)
    {
        if (Find(number, now) is not { } session) return "SessionNotFound";
        string content = $"{reservation} {request.Reason}";
        if (Answered($"{number}/release", request.RequestId, content) is { } again) return again;
        if (FindHold(session, reservation, now, out NaiveHold? hold) is { } missing) return missing;
        if (hold!.State != "Held") return "ReservationTerminal";
        Emit(now, $"released r{hold.Number} {hold.Nanos} {hold.Tokens}", session);
        GiveBack(hold, "Released", now);
        return Remember($"{number}/release", request.RequestId, content, now);
    }

    public string Record(long number, RecordCostRequest request, long now)
    {
        if (Find(number, now) is not { } session) return "SessionNotFound";
        string content = Content(request, request.RequestId);
        if (Answered($"{number}/cost", request.RequestId, content) is { } again) return again;

        bool isKnown = Units.TryGetValue(request.Sku, out (long Unit, bool IsTool) price);
        decimal quantity = (decimal)request.Quantity;
        decimal cost = Math.Round(quantity * price.Unit, MidpointRounding.ToEven);
        int calls = price.IsTool ? (int)Math.Ceiling(quantity) : 0;
        Refusal? refusal = RefusalOfSession(session, model: "", price.IsTool ? request.Sku : "");
        if (refusal is null && !isKnown)
            refusal = new Refusal("UnknownPrice", "tenants/acme", "Unspecified", [0, 0, 0, 0]);
        if (refusal is null && calls > 0 && session.ToolCalls + calls > session.ToolCallsMax)
        {
            refusal = new Refusal(
                "StepCeiling",
                session.Grain.Name,
                "ToolCalls",
                [session.ToolCallsMax.Value, session.ToolCalls, 0, calls]);
        }

        bool stopsAtSoft = !session.UseCase.AllowsWithoutCheaper
            && WindowsOf(session).Any(window => !Fits(window, cost, 0, isSoft: true));
        refusal ??= RefusalOfPath(session, cost, 0, stopsAtSoft);
        if (refusal is not null)
            return Refuse(session, new Grant(refusal, "", 0, 0, ""), "cost", request.RequestId, content, now);

        Tell(session, now, mayTrip: false);
        session.ToolCalls += calls;
        // Without a digest, or for what is no tool, it says nothing of which call it is.
        bool isNamed = price.IsTool && request.ToolArgumentsDigest.Length > 0;
        session.Watch?.CountCall(isStep: false, isNamed ? request.Sku : "", request.ToolArgumentsDigest);
        string crossed = Charge(session, cost, 0, overrun: 0, now);
        Emit(now, $"cost s{number} {request.Sku} {quantity * 1_000_000:0} {cost} {calls} {crossed}", session);
        return Remember($"{number}/cost", request.RequestId, content, now);
    }

    private string Refuse(
        NaiveSession session, Grant grant, string operation, string requestId, string content, long now)
    {
        Refusal refusal = grant.Refusal!;
        if (IsOnlyCounted(session, refusal.Reason, now)) return "event 0";
        session.Refused++;
        if (session.Watch is not null) session.Watch.Refusals++;
        Emit(
            now,
            $"refused s{session.Number} {refusal.Reason} {refusal.Grain} {refusal.Unit} "
                + $"{string.Join(' ', refusal.Numbers)} {grant.Suggested} {refusal.Window}",
            session);
        return Remember($"{session.Number}/{operation}", requestId, content, now);
    }

    // A hold that is changed asks for what is beyond itself; what does not grow is not asked for.
    private Grant Decide(
        NaiveSession session, string model, string tool, (long In, long Out) estimate, long cached, NaiveHold? amended)
    {
        decimal tokens = (decimal)estimate.In + estimate.Out + cached;
        if (RefusalOfCall(session, model, tool, tokens, cached, isNew: amended is null) is { } early)
            return new Grant(early, model, 0, tokens, "");
        decimal cost = CostOf(model);
        string? cheaper = session.UseCase.Downgrade.GetValueOrDefault(model);
        NaiveSession[] lineage = [session, .. session.Above];
        if (cheaper is not null && lineage.Any(owner => !owner.Agent.Models.Contains(cheaper))) cheaper = null;
        decimal? moreTokens = Beyond(tokens, amended?.Tokens);
        bool isAboveSoft = WindowsOf(session).Any(
            window => !Fits(window, Beyond(cost, amended?.Nanos), moreTokens, isSoft: true));
        bool stopsAtSoft = isAboveSoft && cheaper is null && !session.UseCase.AllowsWithoutCheaper;
        if (isAboveSoft && cheaper is not null) (model, cost) = (cheaper, CostOf(cheaper));
        Refusal? refusal = RefusalOfPath(session, Beyond(cost, amended?.Nanos), moreTokens, stopsAtSoft);
        string suggested = refusal is not null && cheaper is not null && !isAboveSoft
            && RefusalOfPath(session, Beyond(CostOf(cheaper), amended?.Nanos), moreTokens, stopsAtSoft: false) is null
                ? cheaper
                : "";
        return new Grant(refusal, model, cost, tokens, suggested);

        decimal CostOf(string name) => Cost(Rates[name], estimate.In, estimate.Out, roundsUp: true);

        static decimal? Beyond(decimal amount, decimal? before) =>
            before is null ? amount : amount > before ? amount - before : null;
    }

    // Half to even for what was used, up for what may be used; per line.
    private static decimal Cost((long In, long Out) rates, long input, long output, bool roundsUp)
    {
        return Line(input, rates.In) + Line(output, rates.Out);

        decimal Line(decimal count, decimal rate) => roundsUp
            ? Math.Ceiling(count * rate / 1_000_000)
            : Math.Round(count * rate / 1_000_000, MidpointRounding.ToEven);
    }

    private static Refusal? RefusalOfSession(NaiveSession session, string model, string tool)
    {
        string own = session.Grain.Name;
        if (session.Lineage.FirstOrDefault(owner => owner.State != "Open") is { } stopped)
        {
            string reason = stopped.State switch
            {
                "Ended" => "SessionClosed",
                "Expired" => "SessionExpired",
                "Suspended" => "SessionSuspended",
                _ => "SessionRevoked",
            };
            return new Refusal(reason, stopped.Grain.Name, "Unspecified", [0, 0, 0, 0]);
        }

        NaiveSession[] lineage = [session, .. session.Above];
        if (tool.Length > 0 && lineage.Any(owner => !owner.Agent.Tools.Contains(tool)))
            return new Refusal("ToolOutOfScope", own, "Unspecified", [0, 0, 0, 0]);
        return model.Length == 0 || lineage.All(owner => owner.Agent.Models.Contains(model))
            ? null
            : new Refusal("ModelOutOfScope", own, "Unspecified", [0, 0, 0, 0]);
    }

    private Refusal? RefusalOfCall(
        NaiveSession session, string model, string tool, decimal tokens, long cached, bool isNew)
    {
        string own = session.Grain.Name;
        if (RefusalOfSession(session, model, tool) is { } early) return early;
        if (cached > 0)
            return new Refusal("UnknownPrice", "tenants/acme", "Unspecified", [0, 0, 0, 0]);
        if (tokens > session.Agent.TokensPerRequest)
            return new Refusal("RequestCeiling", own, "Tokens", [session.Agent.TokensPerRequest!.Value, 0, 0, tokens]);
        if (!isNew) return null;
        if (session.Steps >= session.StepsMax)
            return new Refusal("StepCeiling", own, "Steps", [session.StepsMax!.Value, session.Steps, 0, 1]);
        if (tool.Length > 0 && session.ToolCalls >= session.ToolCallsMax)
            return new Refusal(
                "StepCeiling", own, "ToolCalls", [session.ToolCallsMax!.Value, session.ToolCalls, 0, 1]);
        int open = Holds.Count(hold => hold.Session == session && hold.State == "Held");
        return open >= session.OpenHoldsMax
            ? new Refusal("SessionCeiling", own, "OpenHolds", [session.OpenHoldsMax, 0, open, 1])
            : null;
    }

    private Refusal? RefusalOfPath(NaiveSession session, decimal? cost, decimal? tokens, bool stopsAtSoft)
    {
        // First what sessions limit themselves to, then what they limit their runs to, then the budgets.
        NaiveSession[] lineage = [session, .. session.Above];
        foreach (string reason in new[] { "SessionCeiling", "RunCeiling" })
        {
            foreach (NaiveSession owner in lineage)
            {
                NaiveAccount own = owner.Grain;
                decimal? limit = reason == "RunCeiling" ? owner.Agent.RunCost : owner.CostMax;
                if (cost > 0 && Settled(own) + Held(own.Name) + cost > limit)
                {
                    return new Refusal(
                        reason, own.Name, "Nanos", [limit!.Value, Settled(own), Held(own.Name), cost!.Value]);
                }

                if (reason == "RunCeiling") continue;
                limit = own.CatalogTokens;
                if (tokens > 0 && SettledTokens(own) + HeldTokens(own.Name) + tokens > limit)
                {
                    return new Refusal(
                        reason,
                        own.Name,
                        "Tokens",
                        [limit!.Value, SettledTokens(own), HeldTokens(own.Name), tokens!.Value]);
                }
            }
        }

        string[] reasons = ["AgentBudget", "UseCaseBudget", "BusinessUnitBudget", "TenantBudget"];
        for (int level = 0; level < reasons.Length; level++)
        {
            foreach (NaiveAccount window in Accounts[session.Path[lineage.Length + level]].Windows)
            {
                if (RefusalOf(window, reasons[level], cost, tokens, stopsAtSoft) is { } refusal) return refusal;
            }
        }

        return null;
    }

    private Refusal? RefusalOf(NaiveAccount window, string reason, decimal? cost, decimal? tokens, bool stopsAtSoft)
    {
        (string name, decimal held) = (window.Name, Held(window.Name));
        decimal? cap = Cap(window.LimitNanos, window, stopsAtSoft);
        if (cost > 0 && Settled(window) + held + cost > cap)
            return new Refusal(reason, name, "Nanos", [cap!.Value, Settled(window), held, cost!.Value], window.Window);
        cap = Cap(window.LimitTokens, window, stopsAtSoft);
        held = HeldTokens(name);
        return tokens > 0 && SettledTokens(window) + held + tokens > cap
            ? new Refusal(
                reason, name, "Tokens", [cap!.Value, SettledTokens(window), held, tokens!.Value], window.Window)
            : null;
    }

    private static decimal? Cap(decimal? limit, NaiveAccount account, bool isSoft)
    {
        int percent = isSoft ? Math.Min(account.SoftPercent ?? int.MaxValue, account.HardPercent) : account.HardPercent;
        return Share(limit, percent);
    }

    private bool Fits(NaiveAccount window, decimal? cost, decimal? tokens, bool isSoft)
    {
        if (isSoft && window.SoftPercent is null) return true;
        int percent = isSoft ? window.SoftPercent!.Value : window.HardPercent;
        return !(Settled(window) + Held(window.Name) + cost > Share(window.LimitNanos, percent))
            && !(SettledTokens(window) + HeldTokens(window.Name) + tokens > Share(window.LimitTokens, percent));
    }

    private string? FindHold(NaiveSession session, long reservation, long now, out NaiveHold? hold)
    {
        hold = Holds.SingleOrDefault(known => known.Number == reservation && known.Session == session);
        if (hold is null) return "ReservationNotFound";
        if (hold.State == "Settled")
        {
            bool isOver = session.Forget <= now && hold.SettledAt < session.Forget;
            return isOver ? "ReservationNotFound" : "ReservationTerminal";
        }

        return hold.Forget <= now ? "ReservationNotFound" : null;
    }

    // A session that is forgotten is kept while a hold of it could be committed late.
    private bool IsKept(NaiveSession session, long now) => session.Forget <= now && Holds.Any(
        hold => hold.Session == session && hold.Forget > now && !(hold.SettledAt < session.Forget));

    private void Settle(NaiveHold hold, decimal cost, decimal tokens, string model, bool isFinal, long now)
    {
        NaiveSession session = hold.Session;
        decimal unheld = isFinal ? hold.Nanos : Math.Min(hold.Nanos, cost);
        decimal unheldTokens = isFinal ? hold.Tokens : Math.Min(hold.Tokens, tokens);
        decimal overrun = Math.Max(0, cost - hold.Nanos);
        bool isLate = hold.State != "Held" || !session.IsOpen;
        string crossed = Charge(session, cost, tokens, overrun, now);
        hold.Nanos -= unheld;
        hold.Tokens -= unheldTokens;
        if (isFinal) (hold.State, hold.SettledAt) = ("Settled", now);
        Emit(
            now,
            $"settled r{hold.Number} {cost} {tokens} {unheld} {unheldTokens} {overrun} {model} "
                + $"{(isLate ? "late" : "timely")} {(isFinal ? "final" : "part")} {crossed}",
            session);
    }

    // Answers the tiers that are to be told.
    private string Charge(NaiveSession session, decimal cost, decimal tokens, decimal overrun, long now)
    {
        Charges.Add(new NaiveCharge(session.Path, cost, tokens, overrun, now));
        foreach (NaiveSession owner in session.Lineage) owner.Watch?.CountCharge(now, cost);
        var crossed = new List<string>();
        foreach (NaiveAccount window in WindowsOf(session))
        {
            foreach ((int percent, string[] notify) in window.Tiers)
            {
                if (notify.Length == 0 || window.Notified.Contains(percent)) continue;
                if (!Reaches(window, percent, Settled(window), SettledTokens(window))) continue;
                window.Notified.Add(percent);
                crossed.Add($"{window.Name}/{window.Window}@{percent}:{string.Join('+', notify)}");
            }
        }

        return string.Join(',', crossed);
    }

    private static void GiveBack(NaiveHold hold, string state, long now)
    {
        hold.State = state;
        hold.Nanos = hold.Tokens = 0;
        hold.Forget = now + (30 * Day);
    }
}
