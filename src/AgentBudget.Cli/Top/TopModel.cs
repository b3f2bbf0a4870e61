using System.Globalization;
using AgentBudget.Cli.Commands;
using AgentBudget.Cli.Output;
using AgentBudget.Client;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Cli.Top;

/// <summary>What <c>top</c> shows: what was read, and what came since.</summary>
internal sealed class TopModel(TimeProvider time)
{
    private const int BudgetsMax = 8;
    private const int SessionsMax = 200; // More than a terminal has lines.
    private const int SpendsMax = 100_000; // A minute of more is drawn from its newest.
    private const decimal NanosPerUnit = 1_000_000_000m;
    private static readonly TimeSpan BurnSpan = TimeSpan.FromMinutes(1);

    private readonly Lock _lock = new();
    private readonly Queue<(long At, long Nanos, long Refused)> _spends = [];
    private readonly HashSet<string> _moved = [];
    private Dictionary<string, IReadOnlyList<int>> _tiers = [];
    private Dictionary<string, GrainBalance> _balances = [];
    private IReadOnlyList<Session> _sessions = [];
    private string _currency = "";
    private string? _chosen;

    internal TimeProvider Time { get; } = time;

    /// <summary>Whether something moved since it was read.</summary>
    internal bool IsStale
    {
        get
        {
            lock (_lock) return _moved.Count > 0;
        }
    }

    /// <summary>The reason that is being typed; null while none is.</summary>
    internal string? Reason { get; set; }

    /// <summary>What is to be said below.</summary>
    internal string Note { get; set; } = "";

    /// <summary>The session that a key is about.</summary>
    internal Session? Chosen => _sessions.FirstOrDefault(session => session.Session_ == _chosen);

    internal async Task LoadAsync(CliCall call)
    {
        try
        {
            Catalog catalog =
                (await call.CallAsync(call.Client.Catalogs.GetCatalogAsync, new GetCatalogRequest())).Catalog;
            _tiers = BudgetCommands.TiersOf(catalog);
            _currency = catalog.Currency;
        }
        catch (AgentBudgetException fault) when (fault.StatusCode == StatusCode.PermissionDenied)
        {
            Note = "Your role does not read the catalog: budgets are not shown.";
        }

        lock (_lock) _moved.UnionWith(_tiers.Keys);
        await ReadAsync(call);
    }

    /// <summary>Takes an event; from any thread.</summary>
    internal void Add(LedgerEvent told)
    {
        (long nanos, long refused) = told.FactCase switch
        {
            LedgerEvent.FactOneofCase.ReservationSettled => (told.ReservationSettled.CostNanos, 0L),
            LedgerEvent.FactOneofCase.CostRecorded => (told.CostRecorded.CostNanos, 0L),
            LedgerEvent.FactOneofCase.ReservationRefused => (0L, 1L),
            LedgerEvent.FactOneofCase.RefusalsCoalesced => (0L, told.RefusalsCoalesced.Count),
            _ => (0L, 0L), // Moves a session at most.
        };
        lock (_lock)
        {
            _spends.Enqueue((Time.GetTimestamp(), nanos, refused));
            if (_spends.Count > SpendsMax) _spends.Dequeue();
            if (told.Spender is { } spender)
                _moved.UnionWith([spender.Agent, spender.UseCase, spender.BusinessUnit, spender.Session]);
        }
    }

    /// <summary>Reads what moved.</summary>
    internal async Task ReadAsync(CliCall call)
    {
        string[] moved;
        lock (_lock)
        {
            moved = [.. _moved];
            _moved.Clear();
        }

        string[] due = [.. _tiers.Keys.Where(grain => moved.Contains(grain) || IsTenant(grain))];
        foreach ((string grain, GrainBalance balance) in due.Zip(await BudgetCommands.BalancesAsync(call, due)))
            _balances[grain] = balance;
        ListSessionsResponse open = await call.CallAsync(
            call.Client.Sessions.ListSessionsAsync,
            new ListSessionsRequest { PageSize = SessionsMax, State = Session.Types.State.Open });
        _sessions = [.. open.Sessions.OrderByDescending(session => Texts.AmountOf(session.Settled?.Cost ?? new()))];
        if (Chosen is null) _chosen = _sessions.Count > 0 ? _sessions[0].Session_ : null;
    }

    internal void Choose(int step)
    {
        int at = _sessions.ToList().FindIndex(session => session.Session_ == _chosen);
        if (_sessions.Count > 0) _chosen = _sessions[Math.Clamp(at + step, 0, _sessions.Count - 1)].Session_;
    }

    /// <summary>The screen, no line longer than it is wide and no more than it is high.</summary>
    internal IReadOnlyList<string> Lines(int columns, int rows)
    {
        (decimal burn, long refused) = Burn();
        List<string> lines =
        [
            $"agentbudget top  {Time.GetUtcNow().UtcDateTime.ToString("HH:mm:ss", CultureInfo.InvariantCulture)} UTC  "
                + $"burn {burn.ToString("0.00##", CultureInfo.InvariantCulture)} {_currency}/min  "
                + $"refused {Texts.Number(refused)}/min  open sessions {_sessions.Count}",
            "",
            "BUDGETS NEAREST THEIR CAPS",
        ];
        lines.AddRange(Nearest().Take(BudgetsMax));
        lines.AddRange(["", $"  {"SESSION",-16} {"AGENT",-18} {"SETTLED",12} {"HELD",12} {"STEPS",6}  TASK"]);
        const int below = 2;
        int room = Math.Max(1, rows - lines.Count - below);
        int first = Math.Max(0, _sessions.ToList().FindIndex(session => session.Session_ == _chosen) - room + 1);
        lines.AddRange(_sessions.Skip(first).Take(room).Select(LineOf));
        while (lines.Count < rows - below) lines.Add("");
        lines.Add(Note);
        lines.Add(Reason is { } reason
            ? $"Revoke {_chosen}? Why: {Texts.Safe(reason)}_   (Enter does it, Esc keeps it)"
            : "up/down choose  k kill  q quit");
        return [.. lines.Take(rows).Select(line => line.Length > columns ? line[..columns] : line)];
    }

    private IEnumerable<string> Nearest() => _balances.Values
        .Select(balance => (Balance: balance, Shares: BudgetBar.SharesOf(balance)))
        .Where(one => one.Shares is not null)
        .OrderByDescending(one => one.Shares!.Value.Settled + one.Shares.Value.Held)
        .Select(one => $"  {one.Balance.Grain,-28} "
            + BudgetBar.Of(one.Shares!.Value.Settled, one.Shares.Value.Held, _tiers[one.Balance.Grain])
            + $" {(one.Shares.Value.Settled + one.Shares.Value.Held) * 100:0.0}%  "
            + $"{Texts.Money(one.Balance.Settled).Text} of {Texts.Money(one.Balance.Limit).Text}");

    private string LineOf(Session session)
    {
        string mark = session.Session_ == _chosen ? ">" : " ";
        return $"{mark} {session.Session_,-16} {session.Agent.Split('/')[^1],-18} "
            + $"{Texts.Money(session.Settled?.Cost).Csv,12} {Texts.Money(session.Held?.Cost).Csv,12} "
            + $"{session.Steps,6}  {Texts.Safe(session.Task)}";
    }

    private (decimal Burn, long Refused) Burn()
    {
        lock (_lock)
        {
            while (_spends.TryPeek(out (long At, long Nanos, long Refused) oldest)
                && Time.GetElapsedTime(oldest.At) > BurnSpan)
            {
                _spends.Dequeue();
            }

            return (_spends.Sum(spend => (decimal)spend.Nanos) / NanosPerUnit, _spends.Sum(spend => spend.Refused));
        }
    }

    private static bool IsTenant(string grain) => grain.StartsWith("tenants/", StringComparison.Ordinal);
}
