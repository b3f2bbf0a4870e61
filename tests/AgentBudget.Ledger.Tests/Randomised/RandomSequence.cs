using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Duration = Google.Protobuf.WellKnownTypes.Duration;

namespace AgentBudget.Ledger.Tests.Randomised;

/// <summary>
/// One seeded sequence of commands, given to a ledger and to the naive one. Each seed draws its own limits, ladders and
/// rates of commands, so that different seeds press on different rules.
/// </summary>
internal sealed partial class RandomSequence
{
    /// <summary>One nano a token, so that money can be asked for to the nano.</summary>
    private const string Unit = "unit";
    private const string Big = "big";
    private const string Small = "small";

    private static readonly long Start =
        new DateTime(2026, 11, 18, 10, 0, 0, DateTimeKind.Utc).Subtract(DateTime.UnixEpoch).Ticks * 100;

    private readonly SortedDictionary<string, int> _met;
    private readonly Random _random;
    private readonly NaiveLedger _naive = new();
    private readonly List<LedgerEvent> _journal = [];
    private readonly List<Func<(Command Command, Func<long, string> Expected)>> _sent = [];
    private readonly int _keyReusePercent;
    private readonly int _restartPercent;
    private readonly long _tokensPerRequest;
    private readonly Catalog _catalog;
    private TenantLedger _ledger = new("acme");
    private long _now = Start;
    private int _compared;
    private int _requests;

    /// <param name="seed">Draws everything.</param>
    /// <param name="met">Counts the answers and events of all sequences by kind.</param>
    public RandomSequence(int seed, SortedDictionary<string, int> met)
    {
        _met = met;
        _random = new Random(seed);
        _keyReusePercent = _random.Next(0, 51);
        _restartPercent = _random.Next(0, 4);
        _tokensPerRequest = _random.Next(3) == 0 ? 70 : 1_000_000;
        _catalog = MakeCatalog();
        _ledger.Handle(
            new ApplyCatalogCommand(new ApplyCatalogRequest(), _catalog.Clone(), [], "admin"), _now, _journal);
        _naive.Start(_now);
        CompareEvents("catalog");
    }

    public void Run(int commands)
    {
        for (int command = 0; command < commands; command++) Step();
        CompareBalances();
        CompareReplay();
    }

    private void Step()
    {
        MoveClock();
        if (_random.Next(100) < _restartPercent)
        {
            _ledger = TenantLedger.Restore("acme", _ledger.Snapshot());
            _naive.ForgetUntold();
        }

        if (_random.Next(100) == 0)
        {
            ChangeCatalog();
            return;
        }

        bool isRepeated = _sent.Count > 0 && _random.Next(100) < _keyReusePercent / 2;
        Func<(Command Command, Func<long, string> Expected)> make =
            isRepeated ? _sent[^_random.Next(1, Math.Min(20, _sent.Count + 1))] : MakeCommand();
        if (!isRepeated) _sent.Add(make);
        (Command command, Func<long, string> expected) = make();

        long now = Math.Max(_now, _naive.LogTime);
        Answer answer = _ledger.Handle(command, _now, _journal);
        _naive.HandleDeadlines(_now);
        now = Math.Max(now, _naive.LogTime);
        string wanted = expected(now);

        string got = answer switch
        {
            { Outcome: not Outcome.Done } => $"{answer.Outcome}",
            { DuplicateOf: > 0 } => $"again {answer.DuplicateOf}",
            _ => $"event {answer.Event!.Sequence}",
        };
        Assert.True(wanted == got, $"{command}: the naive ledger says '{wanted}', the ledger '{got}'");
        if (!got.StartsWith("event", StringComparison.Ordinal)) Meet(got.Split(' ')[0]);
        CompareEvents($"{command}");
    }

    private Func<(Command, Func<long, string>)> MakeCommand() => RollOfCommand() switch
    {
        < 10 => MakeOpen(),
        < 55 => MakeReserve(),
        < 60 => MakeCost(),
        < 80 => MakeCommit(),
        < 85 => MakeRelease(),
        < 88 => MakeRenew(),
        < 91 => MakeEnd(),
        < 92 => MakeRevoke(),
        < 95 => MakeAmend(),
        < 98 => MakeSuspension(),
        _ => MakeExtend(),
    };

    // Without a session there is nothing but to open one.
    private int RollOfCommand() => _random.Next(_naive.Sessions.Count == 0 ? 10 : 100);

    private Func<(Command, Func<long, string>)> MakeOpen()
    {
        var request = new OpenSessionRequest
        {
            RequestId = NextId(),
            Agent = Pick(_naive.Agents.Keys.ToList()),
            UseCase = Pick(_naive.UseCases.Keys.ToList()),
            Task = $"task {_random.Next(2)}",
            Ttl = _random.Next(3) == 0 ? null : new Duration { Seconds = Pick([1L, 60, 3600, 86_400]) },
        };
        if (_random.Next(3) == 0)
        {
            request.Ceilings = new Ceilings();
            if (_random.Next(2) == 0) request.Ceilings.CostPerSession = Nanos(_random.Next(0, 200_000));
            if (_random.Next(2) == 0) request.Ceilings.TokensPerSession = _random.Next(0, 500);
            if (_random.Next(2) == 0) request.Ceilings.OpenHolds = _random.Next(0, 4);
            // Ceilings without a ceiling are as good as none.
            if (request.Ceilings.Equals(new Ceilings())) request.Ceilings = null;
        }

        long parent = _naive.Sessions.Count > 0 && _random.Next(2) == 0 ? PickSession() : 0;
        return () => (new OpenSessionCommand(request, "admin", parent), now => _naive.Open(request, parent, now));
    }

    private Func<(Command, Func<long, string>)> MakeReserve()
    {
        long session = PickSession();
        var request = new ReserveTokensRequest
        {
            RequestId = NextId(),
            Model = Pick([Big, Big, Small, Small, Unit, Unit, Unit, _random.Next(10) == 0 ? "nope" : Unit]),
            Estimate = new TokenEstimate { InputTokens = _random.Next(20, 60), MaxOutputTokens = _random.Next(1, 40) },
            Tool = _random.Next(5) == 0 ? Pick(["crm.read", "crm.read", "billing.pay"]) : "",
            ToolArgumentsDigest = Pick(["", "a", "a", "a", "b"]),
            Ttl = _random.Next(2) == 0 ? null : new Duration { Seconds = Pick([1L, 60, 86_400]) },
            OnExpiry = _random.Next(4) == 0 ? OnExpiry.Charge : OnExpiry.Unspecified,
        };
        if (_random.Next(30) == 0) request.Estimate.CacheReadTokens = 1;
        if (_random.Next(3) == 0 && Left(session) is { } left)
        {
            request.Model = Unit;
            request.Estimate = Catalogs.Input(Math.Max(1, left + _random.Next(-1, 2)));
        }

        return () => (new ReserveCommand(session, request), now => _naive.Reserve(session, request, now));
    }

    private Func<(Command, Func<long, string>)> MakeCost()
    {
        long session = PickSession();
        var request = new RecordCostRequest
        {
            RequestId = NextId(),
            Sku = Pick(["minute", "minute", "crm.read", "billing.pay", "nothing"]),
            Quantity = _random.Next(1, 4_000_000) / 1_000_000d,
            ToolArgumentsDigest = Pick(["", "a", "a"]),
        };
        return () => (new RecordCostCommand(session, request), now => _naive.Record(session, request, now));
    }

    private Func<(Command, Func<long, string>)> MakeCommit()
    {
        (long session, long reservation) = PickReservation();
        NaiveHold? hold = _naive.Holds.FirstOrDefault(known => known.Number == reservation);
        // What a commit takes back of a charged expiry is not in this model; the audit has it.
        if (hold is { IsCharged: true }) reservation = 98;
        var request = new CommitTokensRequest
        {
            RequestId = NextId(),
            Usage = new TokenUsage { InputTokens = _random.Next(0, 60), OutputTokens = _random.Next(0, 60) },
            Model = Pick(["", "", "", Big, Small, "brand-new"]),
        };
        if (hold is { Model: Unit } && _random.Next(2) == 0)
        {
            request.Model = "";
            request.Usage = new TokenUsage { InputTokens = (long)Math.Max(0, hold.Nanos + _random.Next(-1, 2)) };
        }

        // What is beyond a hundred times its hold is in dispute, which tests of its own are about.
        decimal used = (decimal)request.Usage.InputTokens + request.Usage.OutputTokens;
        if (used > (hold?.Granted * 100) - hold?.Settled) request.Usage = new TokenUsage();
        if (_random.Next(3) == 0) request.Final = _random.Next(4) == 0;
        return () => (
            new CommitCommand(session, reservation, request),
            now => _naive.Commit(session, reservation, request, now));
    }

    private Func<(Command, Func<long, string>)> MakeAmend()
    {
        (long session, long reservation) = PickReservation();
        var request = new AmendReservationRequest { RequestId = NextId() };
        if (_random.Next(2) == 0) request.Model = Pick([Big, Small, Unit, "nope"]);
        if (_random.Next(2) == 0)
            request.Estimate = new TokenEstimate { InputTokens = _random.Next(0, 60), MaxOutputTokens = 1 };
        if (_random.Next(3) == 0) request.Ttl = new Duration { Seconds = Pick([1L, 60, 86_400]) };
        return () => (
            new AmendCommand(session, reservation, request),
            now => _naive.Amend(session, reservation, request, now));
    }

    private Func<(Command, Func<long, string>)> MakeRelease()
    {
        (long session, long reservation) = PickReservation();
        var request = new ReleaseTokensRequest { RequestId = NextId(), Reason = "not sent" };
        return () => (
            new ReleaseCommand(session, reservation, request),
            now => _naive.Release(session, reservation, request, now));
    }

    private Func<(Command, Func<long, string>)> MakeRenew()
    {
        long session = PickSession();
        var request = new RenewSessionRequest
        {
            RequestId = NextId(),
            Ttl = _random.Next(2) == 0 ? null : new Duration { Seconds = Pick([1L, 600, 100_000]) },
        };
        return () => (new RenewSessionCommand(session, request, "admin"), now => _naive.Renew(session, request, now));
    }

    private Func<(Command, Func<long, string>)> MakeEnd()
    {
        long session = PickSession();
        var request = new EndSessionRequest { RequestId = NextId(), Outcome = new Protocol.V1.Outcome() };
        return () => (
            new EndSessionCommand(session, request, "admin"),
            now => _naive.End(session, "Ended", request.RequestId, "", now));
    }

    private Func<(Command, Func<long, string>)> MakeRevoke()
    {
        long session = PickSession();
        var request = new RevokeSessionRequest { RequestId = NextId(), Reason = Pick(["leaked", "lost"]) };
        return () => (
            new RevokeSessionCommand(session, request, "admin"),
            now => _naive.End(session, "Revoked", request.RequestId, request.Reason, now));
    }

    private Func<(Command, Func<long, string>)> MakeSuspension()
    {
        long session = PickSession();
        string id = NextId();
        string reason = Pick(["odd", "fine"]);
        bool isWholeRun = _random.Next(3) == 0;
        switch (_random.Next(4))
        {
            case 0:
                var suspend = new SuspendSessionRequest { RequestId = id, Reason = reason, WholeRun = isWholeRun };
                return () => (
                    new SuspendSessionCommand(session, suspend, "admin"),
                    now => _naive.Suspend(session, suspend, now));
            case 1:
                var reset = new ResetBreakerRequest { RequestId = id, Reason = reason, Grain = $"sessions/s{session}" };
                return () => (new ResetBreakerCommand(reset, "admin"), now => _naive.Reset(reset, now));
            default:
                var resume = new ResumeSessionRequest { RequestId = id, Reason = reason, WholeRun = isWholeRun };
                return () => (
                    new ResumeSessionCommand(session, resume, "admin"),
                    now => _naive.Resume(session, resume, now));
        }
    }

    private Func<(Command, Func<long, string>)> MakeExtend()
    {
        var request = new ExtendBudgetRequest
        {
            RequestId = NextId(),
            Grain = Pick(
                _naive.Accounts.Keys.Where(name => !name.StartsWith("sessions/", StringComparison.Ordinal)).ToList()),
            Reason = "more",
            ExpireTime = _random.Next(2) == 0 ? null : Time(_now + (Pick([0L, 1, 60, 90_000]) * NaiveLedger.Second)),
            Window = Pick(["", "", "day", "week", "none", Rolling]),
        };
        switch (_random.Next(4))
        {
            case 0:
                request.Amount = Nanos(_random.Next(1, 50_000));
                break;
            case 1:
                request.Limit = Nanos(_random.Next(0, 300_000));
                break;
            case 2:
                request.AmountTokens = _random.Next(1, 100);
                break;
            default:
                request.LimitTokens = _random.Next(0, 600);
                break;
        }

        return () => (new ExtendBudgetCommand(request, "admin"), now => _naive.Extend(request, now));
    }

    // Prices and limits change; usage stays.
    private void ChangeCatalog()
    {
        _ledger.Handle(new CatalogQuery(), _now, _journal);
        _naive.HandleDeadlines(_now);
        foreach (Price price in _catalog.Prices.Where(price => price.Model != Unit)) price.Rates.Output += 1;
        foreach (Agent agent in _catalog.Agents.Where(agent => agent.Budget?.Limit is not null))
        {
            NaiveAccount naive = _naive.Accounts[$"agents/{agent.Id}"];
            agent.Budget.Limit = Nanos(_random.Next(0, 400_000));
            naive.CatalogNanos = agent.Budget.Limit.Nanos;
            naive.CarriedNanos = naive.CarryNanos(naive.CarriedNanos);
            ChangeWindows(agent, naive);
        }

        _naive.Rates =
            _catalog.Prices.ToDictionary(price => price.Model, price => (price.Rates.Input, price.Rates.Output));
        foreach (NaiveAccount window in _naive.Accounts.Values.SelectMany(account => account.Windows))
            _naive.ForgetNotices(window);
        _naive.ChangeCatalog(Math.Max(_now, _naive.LogTime));
        _ledger.Handle(
            new ApplyCatalogCommand(new ApplyCatalogRequest(), _catalog.Clone(), [], "admin"), _now, _journal);
        CompareEvents("catalog");
    }

    private void MoveClock() => _now += _random.Next(200) switch
    {
        < 100 => 0,
        < 150 => _random.Next(0, 3),
        < 180 => Pick([1L, 10, 30, 60]) * NaiveLedger.Second,
        < 184 => Pick([600L, 3600]) * NaiveLedger.Second,
        < 194 => _ledger.NextDeadlineNanos == long.MaxValue
            ? 0
            : Math.Max(0, Math.Min(_ledger.NextDeadlineNanos - _now, NaiveLedger.Day) + _random.Next(-1, 2)),
        < 198 => -_random.Next(0, 5) * NaiveLedger.Second,
        _ => NaiveLedger.Day + _random.Next(-1, 2),
    };

    // What the tightest hard cap on the session's path leaves, in nanos or tokens; a unit call asks for exactly that.
    private long? Left(long number)
    {
        if (_naive.Sessions.FirstOrDefault(session => session.Number == number) is not { } session) return null;
        decimal? least = null;
        foreach (NaiveAccount window in _naive.WindowsOf(session))
        {
            decimal? nanos = NaiveLedger.Share(window.LimitNanos, window.HardPercent)
                - _naive.Settled(window) - _naive.Held(window.Name);
            decimal? tokens = NaiveLedger.Share(window.LimitTokens, window.HardPercent)
                - _naive.SettledTokens(window) - _naive.HeldTokens(window.Name);
            if (nanos is not null && !(nanos >= least)) least = nanos;
            if (tokens is not null && !(tokens >= least)) least = tokens;
        }

        return least < _tokensPerRequest ? (long)least.Value : null;
    }

    private void CompareEvents(string command)
    {
        for (; _compared < Math.Max(_journal.Count, _naive.Events.Count); _compared++)
        {
            string wanted = _compared < _naive.Events.Count ? _naive.Events[_compared] : "no event";
            string got = _compared < _journal.Count ? EventText.Of(_journal[_compared]) : "no event";
            Assert.True(wanted == got, $"{command}:\nthe naive ledger says '{wanted}',\nthe ledger         '{got}'");
            Meet(KindOf(got.Split(' ')));
        }
    }

    private void Meet(string kind) => _met[kind] = _met.GetValueOrDefault(kind) + 1;

    // The words of an event are its sequence, its time, its fact, and what the fact says.
    private static string KindOf(string[] words) => words[2] switch
    {
        "ended" or "refused" => $"{words[2]} {words[4]}",
        "tripped" => $"tripped {words[4]}",
        "opened" when words[5] == "below" => "opened below",
        "settled" => $"settled {words[10]} {words[11]}",
        "period" when words[7] != "0" || words[8] != "0" => "period carried",
        _ => words[2],
    };

    private void CompareBalances()
    {
        foreach (NaiveAccount account in _naive.Accounts.Values)
        {
            Answer answer = _ledger.Handle(new BalanceQuery(0, account.Name), _naive.LogTime, _journal);
            if (answer.Outcome == Outcome.GrainNotFound) continue;
            GrainBalance balance = Assert.Single(((GetBalanceResponse)answer.View!).Grains);
            GrainBalance[] windows = [balance, .. balance.Windows];
            Assert.Equal(account.Windows.Length, windows.Length);
            foreach ((NaiveAccount wanted, GrainBalance got) in account.Windows.Zip(windows))
                CompareWindow(wanted, got);
        }
    }

    private void CompareWindow(NaiveAccount window, GrainBalance balance)
    {
        Assert.Equal(window.Window, balance.Window);
        Assert.Equal(_naive.Settled(window), balance.Settled.Nanos);
        Assert.Equal(_naive.Held(window.Name), balance.Held.Nanos);
        Assert.Equal(_naive.Overrun(window), balance.Overrun.Nanos);
        Assert.Equal(_naive.SettledTokens(window), balance.SettledTokens);
        Assert.Equal(_naive.HeldTokens(window.Name), balance.HeldTokens);
        Assert.Equal(window.LimitNanos, balance.Limit?.Nanos);
        Assert.Equal(window.CarriedNanos, balance.Carried?.Nanos ?? 0);
        Assert.Equal(window.CarriedTokens, balance.CarriedTokens);
    }

    private void CompareReplay()
    {
        byte[] snapshot = _ledger.Snapshot();
        var replayed = new TenantLedger("acme");
        foreach (LedgerEvent entry in _journal)
            replayed.Apply(LedgerEvent.Parser.ParseFrom(Google.Protobuf.MessageExtensions.ToByteArray(entry)));
        Assert.Equal(snapshot, replayed.Snapshot());
        Assert.Equal(snapshot, TenantLedger.Restore("acme", snapshot).Snapshot());
    }

    private long PickSession() => _naive.Sessions.Count == 0 || _random.Next(40) == 0
        ? 99
        : _naive.Sessions[^_random.Next(1, Math.Min(5, _naive.Sessions.Count + 1))].Number;

    private (long Session, long Reservation) PickReservation()
    {
        if (_naive.Holds.Count == 0) return (PickSession(), 98);
        NaiveHold hold = _naive.Holds[^_random.Next(1, Math.Min(12, _naive.Holds.Count + 1))];
        return (_random.Next(30) == 0 ? PickSession() : hold.Session.Number, hold.Number);
    }

    // Sometimes a key that was used before, so that it meets other content.
    private string NextId() => _random.Next(100) < _keyReusePercent / 5
        ? $"request-{_random.Next(1, _requests + 2)}"
        : $"request-{++_requests}";

    private T Pick<T>(List<T> items) => items[_random.Next(items.Count)];

    private static Money Nanos(int nanos) => new() { Nanos = nanos };

    private static Timestamp Time(long nanos) =>
        new() { Seconds = nanos / NaiveLedger.Second, Nanos = (int)(nanos % NaiveLedger.Second) };
}
