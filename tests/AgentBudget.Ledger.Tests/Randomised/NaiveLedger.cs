using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests.Randomised;

/// <summary>
/// The rules once more, written as plainly as possible and with nothing of the ledger's code: decimals, lists, every
/// sum made anew. Says which events each command makes, as text.
/// </summary>
internal sealed partial class NaiveLedger
{
    public const long Second = 1_000_000_000;
    public const long Day = 86_400 * Second;

    private readonly Dictionary<string, (string Content, long Sequence, long Time)> _keys = [];

    private long _asked;

    public Dictionary<string, NaiveAccount> Accounts { get; } = [];

    public Dictionary<string, NaiveAgent> Agents { get; } = [];

    public Dictionary<string, NaiveUseCase> UseCases { get; } = [];

    public Dictionary<string, (long In, long Out)> Rates { get; set; } = [];

    /// <summary>Nanos for one of what is not tokens, and whether it is a tool.</summary>
    public Dictionary<string, (long Unit, bool IsTool)> Units { get; } = [];

    public List<NaiveSession> Sessions { get; } = [];

    public List<NaiveHold> Holds { get; } = [];

    public List<NaiveCharge> Charges { get; } = [];

    public List<string> Events { get; } = [];

    public long LogTime { get; private set; }

    public decimal Held(string account) => HoldsOf(account).Sum(hold => hold.Nanos);

    public decimal HeldTokens(string account) => HoldsOf(account).Sum(hold => hold.Tokens);

    public decimal Settled(NaiveAccount window) => ChargesOf(window).Sum(charge => charge.Nanos);

    public decimal SettledTokens(NaiveAccount window) => ChargesOf(window).Sum(charge => charge.Tokens);

    public decimal Overrun(NaiveAccount window) => ChargesOf(window).Sum(charge => charge.OverrunNanos);

    /// <summary>Every window on a session's path.</summary>
    public IEnumerable<NaiveAccount> WindowsOf(NaiveSession session) =>
        session.Path.SelectMany(name => Accounts[name].Windows);

    /// <summary>A percentage of a limit, rounded down.</summary>
    public static decimal? Share(decimal? limit, int percent) =>
        limit is null ? null : Math.Floor(limit.Value * percent / 100);

    /// <summary>The first event: the catalog, whose items the driver has put in.</summary>
    public void Start(long now)
    {
        Emit(now, "catalog");
        foreach (NaiveAccount window in Accounts.Values.SelectMany(account => account.Windows))
            window.PeriodEnd = NextEnd(window, now);
    }

    public void ChangeCatalog(long now) => Emit(now, "catalog");

    /// <summary>The session as a caller can see it at this time.</summary>
    public NaiveSession? Find(long number, long now) =>
        Sessions.SingleOrDefault(session => session.Number == number && !(session.Forget <= now));

    public string Open(OpenSessionRequest request, long parentNumber, long now)
    {
        string content = $"{Content(request, request.RequestId)} {parentNumber}";
        if (Answered("tenant/open", request.RequestId, content, now - Day) is { } again) return again;
        NaiveSession? parent = null;
        if (parentNumber > 0)
        {
            parent = Find(parentNumber, now);
            if (parent is null) return "SessionNotFound";
            if (!parent.IsOpen) return "SessionNotOpen";
            if (parent.Lineage.Any(owner => owner.State == "Suspended")) return "SessionSuspended";
        }

        NaiveAgent agent = Agents[request.Agent];
        NaiveUseCase useCase = UseCases[request.UseCase];
        NaiveSession[] above = parent is null ? [] : parent.Lineage;
        if (above.Any(owner => IsFull(owner, parent!))) return "RunCeilingReached";
        long number = Events.Count + 1;
        long asked = request.Ttl is null ? agent.TtlNanos : request.Ttl.Seconds * Second;
        long lifetimeEnd = Math.Min(now + agent.LifetimeNanos, parent?.LifetimeEnd ?? long.MaxValue);
        decimal?[] costs = [request.Ceilings?.CostPerSession?.Nanos, .. above.Select(owner => owner.CostMax)];
        decimal?[] tokens =
        [
            request.Ceilings is { HasTokensPerSession: true } ? request.Ceilings.TokensPerSession : null,
            .. above.Select(owner => owner.Grain.CatalogTokens),
        ];
        var session = new NaiveSession
        {
            Number = number,
            Agent = agent,
            UseCase = useCase,
            Above = above,
            Watch = agent.Breakers is null ? null : new NaiveWatch(agent.Breakers),
            Path =
            [
                $"sessions/s{number}", .. above.Select(owner => owner.Grain.Name), agent.Name, useCase.Name,
                useCase.BusinessUnit, "tenants/acme",
            ],
            CostMax = costs.Min(),
            Grain = new NaiveAccount($"sessions/s{number}")
            {
                CatalogNanos = new[] { costs.Min(), agent.RunCost }.Min(),
                CatalogTokens = tokens.Min(),
            },
            OpenHoldsMax = new[]
            {
                agent.OpenHolds ?? 1000,
                request.Ceilings is { HasOpenHolds: true } ? (int)request.Ceilings.OpenHolds : 1000,
                parent?.OpenHoldsMax ?? 1000,
            }.Min(),
            StepsMax = new[] { agent.Steps, parent?.StepsMax }.Min(),
            ToolCallsMax = new[] { agent.ToolCalls, parent?.ToolCallsMax }.Min(),
            LifetimeEnd = lifetimeEnd,
            Expire = Expiry(now, asked, agent, lifetimeEnd, parent),
        };
        Accounts.Add(session.Grain.Name, session.Grain);
        Sessions.Add(session);
        string of = parent is null ? "" : $"below s{parent.Number} {above[^1].Number}";
        Emit(now, $"opened {session.Expire} {session.LifetimeEnd} {of}");
        return Remember("tenant/open", request.RequestId, content, now);
    }

    public string Renew(long number, RenewSessionRequest request, long now)
    {
        if (Find(number, now) is not { } session) return "SessionNotFound";
        string content = Content(request, request.RequestId);
        if (Answered($"{number}/renew", request.RequestId, content) is { } again) return again;
        if (!session.IsOpen) return "SessionNotOpen";
        long asked = request.Ttl is null ? session.Agent.TtlNanos : request.Ttl.Seconds * Second;
        session.Expire =
            Expiry(now, asked, session.Agent, session.LifetimeEnd, session.Above.FirstOrDefault());
        Emit(now, $"renewed s{number} {session.Expire}", session);
        return Remember($"{number}/renew", request.RequestId, content, now);
    }

    public string End(long number, string state, string requestId, string content, long now)
    {
        if (Find(number, now) is not { } session) return "SessionNotFound";
        if (Answered($"{number}/{state}", requestId, content) is { } again) return again;
        if (!session.IsOpen) return "SessionNotOpen";
        Tell(session, now, mayTrip: false);
        long sequence = Events.Count + 1;
        End(session, state, now);
        return Remember($"{number}/{state}", requestId, content, now, sequence);
    }

    public string Extend(ExtendBudgetRequest request, long now)
    {
        string content = Content(request, request.RequestId);
        if (Answered("tenant/extend", request.RequestId, content, now - Day) is { } again) return again;
        NaiveAccount? account = request.Window.Length == 0
            ? Accounts[request.Grain]
            : Accounts[request.Grain].Windows.FirstOrDefault(window => window.Window == request.Window);
        bool isMoney = request.Amount is not null || request.Limit is not null;
        if (account is null || (isMoney ? account.CatalogNanos : account.CatalogTokens) is null) return "NoBudget";
        long? end = request.ExpireTime is null
            ? null
            : (request.ExpireTime.Seconds * Second) + request.ExpireTime.Nanos;
        if (end <= now) return "TimeInvalid";
        if (request.Amount is not null) account.ExtensionNanos += request.Amount.Nanos;
        else if (request.Limit is not null) account.ExtensionNanos = request.Limit.Nanos - account.PlainNanos!.Value;
        else if (request.HasAmountTokens) account.ExtensionTokens += request.AmountTokens;
        else account.ExtensionTokens = request.LimitTokens - account.PlainTokens!.Value;
        account.ExtensionEnd = end;
        ForgetNotices(account);
        Emit(now, $"extended {account.Name} {account.Window} {account.ExtensionNanos} {account.ExtensionTokens} {end}");
        return Remember("tenant/extend", request.RequestId, content, now);
    }

    /// <summary>A limit moved: tiers that settled spend no longer reaches may be notified again.</summary>
    public void ForgetNotices(NaiveAccount account) => account.Notified.RemoveWhere(
        percent => !Reaches(account, percent, Settled(account), SettledTokens(account)));

    public static string Content(Google.Protobuf.IMessage request, string requestId) =>
        request.ToString()!.Replace($"\"{requestId}\"", "", StringComparison.Ordinal);

    /// <summary>When the calendar period of a window ends; the first of January 1970 was a Thursday.</summary>
    public static long? NextEnd(NaiveAccount window, long now) => window.Window switch
    {
        "day" => ((now / Day) + 1) * Day,
        "week" => (((((now / Day) + 3) / 7) + 1) * 7 * Day) - (3 * Day),
        _ => null,
    };

    /// <summary>The first charge of a window's present period: what reaches into it counts as a whole.</summary>
    public int FirstChargeOf(NaiveAccount window)
    {
        long start = window.PeriodEnd is not { } end ? 0 : end - (window.Window == "day" ? Day : 7 * Day);
        int first = Charges.FindIndex(charge => charge.Time >= start);
        return first < 0 ? Charges.Count : first;
    }

    private static bool Reaches(NaiveAccount account, int percent, decimal nanos, decimal tokens) =>
        (account.LimitNanos > 0 && nanos * 100 >= account.LimitNanos * percent)
        || (account.LimitTokens > 0 && tokens * 100 >= account.LimitTokens * percent);

    private IEnumerable<NaiveHold> HoldsOf(string account) =>
        Holds.Where(hold => hold.State == "Held" && hold.Session.Path.Contains(account));

    private IEnumerable<NaiveCharge> ChargesOf(NaiveAccount window) =>
        Charges.Skip(window.FirstCharge).Where(charge => charge.Path.Contains(window.Name));

    // Whoever is open below goes with it, the newest first.
    private void End(NaiveSession session, string state, long now)
    {
        End(session, state, "", now);
        foreach (NaiveSession below in Sessions.Where(below => below.Above.Contains(session)).Reverse())
        {
            if (below.IsOpen) End(below, state, session.Grain.Name, now);
        }
    }

    private void End(NaiveSession session, string state, string endedWith, long now)
    {
        session.State = state;
        session.SuspendedBy = null;
        session.GraceEnd = now + (30 * Second);
        Emit(now, $"ended s{session.Number} {state} {endedWith}", session);
    }

    private static long Expiry(long now, long asked, NaiveAgent agent, long lifetimeEnd, NaiveSession? parent) =>
        new[] { now + Math.Min(asked, agent.TtlNanos), lifetimeEnd, parent?.Expire ?? long.MaxValue }.Min();

    private bool IsFull(NaiveSession owner, NaiveSession parent)
    {
        NaiveSession[] below = [.. Sessions.Where(session => session.Above.Contains(owner))];
        return below.Length >= owner.Agent.Subagents
            || below.Count(session => session.IsOpen) >= owner.Agent.ConcurrentSubagents
            || parent.Above.Length - owner.Above.Length >= owner.Agent.Depth;
    }

    private string? Answered(string scope, string requestId, string content, long forgetBefore = long.MinValue)
    {
        if (!_keys.TryGetValue($"{scope}/{requestId}", out (string Content, long Sequence, long Time) known))
            return null;
        if (known.Time < forgetBefore) return null;
        return known.Content == content ? $"again {known.Sequence}" : "KeyReused";
    }

    private string Remember(string scope, string requestId, string content, long now, long? sequence = null)
    {
        _keys[$"{scope}/{requestId}"] = (content, sequence ?? _asked, now);
        return $"event {sequence ?? _asked}";
    }

    // What is asked for, and then what it made trip.
    private void Emit(long now, string fact, NaiveSession? session = null)
    {
        if (session is not null) Tell(session, now, mayTrip: false);
        LogTime = now;
        Events.Add($"{Events.Count + 1} {now} {fact}");
        _asked = Events.Count;
        long asked = _asked;
        while (session is not null && Trip(session) is { } tripped)
            Events.Add($"{Events.Count + 1} {now} {tripped}");
        _asked = asked;
    }
}
