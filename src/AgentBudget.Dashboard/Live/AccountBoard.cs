using AgentBudget.Dashboard.Reading;
using AgentBudget.Protocol.V1;
using AgentBudget.Dashboard.Text;

namespace AgentBudget.Dashboard.Live;

/// <summary>An account on a page, with what is known of it now.</summary>
internal sealed class AccountState(AccountPlace place)
{
    internal AccountPlace Place { get; } = place;

    /// <summary>Its balance, then those of its parts; none where it may not be seen.</summary>
    internal IReadOnlyList<GrainBalance> Balances { get; set; } = [];

    internal GrainBalance? Balance => Balances.Count > 0 ? Balances[0] : null;

    internal BurnRate Burn { get; } = new();
}

/// <summary>
/// The accounts of a page: balances are read whole once, and then only of accounts that events name.
/// </summary>
internal sealed class AccountBoard(LedgerReads reads)
{
    private const int ReadsMax = 64; // In one go; the rest is due in the next.
    private static readonly TimeSpan RunwaySpan = TimeSpan.FromMinutes(5);

    private readonly HashSet<string> _stale = [];
    private Dictionary<string, AccountState> _byGrain = [];

    /// <summary>All of them, parents before children.</summary>
    internal IReadOnlyList<AccountState> All { get; private set; } = [];

    /// <summary>Reads everything anew.</summary>
    internal async Task LoadAsync(CancellationToken cancellation)
    {
        IReadOnlyList<AccountPlace> places = await reads.AccountsAsync(cancellation);
        IReadOnlyDictionary<string, IReadOnlyList<GrainBalance>> balances =
            await reads.BalancesAsync(places.Select(place => place.Grain), cancellation);
        AccountState[] all =
        [
            .. places.Where(place => balances.ContainsKey(place.Grain))
                .Select(place => new AccountState(place) { Balances = balances[place.Grain] }),
        ];
        _byGrain = all.ToDictionary(state => state.Place.Grain);
        All = all;
    }

    /// <summary>Notes an event; true where a balance is stale with it.</summary>
    internal bool Note(LedgerEvent told)
    {
        long charged = EventLine.ChargedBy(told);
        bool isStale = false;
        foreach (string grain in GrainsOf(told))
        {
            if (!_byGrain.TryGetValue(grain, out AccountState? state)) continue;
            if (charged != 0) state.Burn.Add(told.Time.ToDateTimeOffset(), charged);
            isStale |= _stale.Add(grain);
        }

        return isStale;
    }

    /// <summary>Reads what is stale; true where more is.</summary>
    internal async Task<bool> ReadStaleAsync(CancellationToken cancellation)
    {
        string[] due = [.. _stale.Take(ReadsMax)];
        _stale.ExceptWith(due);
        IReadOnlyDictionary<string, IReadOnlyList<GrainBalance>> balances =
            await reads.BalancesAsync(due, cancellation);
        foreach ((string grain, IReadOnlyList<GrainBalance> balance) in balances)
            if (_byGrain.TryGetValue(grain, out AccountState? state)) state.Balances = balance;
        return _stale.Count > 0;
    }

    /// <summary>How long an account lasts at the pace of the last minutes; null where nothing ends it.</summary>
    internal static TimeSpan? RunwayOf(AccountState state, DateTimeOffset now)
    {
        long burnt = state.Burn.Within(now, RunwaySpan);
        if (burnt <= 0 || state.Balance is not { } balance) return null;
        decimal? left = Share.WindowsOf(balance).Where(window => window.Available is not null)
            .Select(window => (decimal?)Amounts.Of(window.Available)).Min();
        if (left is not { } money) return null;
        decimal seconds = money / (burnt / Amounts.NanosPerUnit) * (decimal)RunwaySpan.TotalSeconds;
        return seconds > (decimal)TimeSpan.FromDays(365).TotalSeconds ? null : TimeSpan.FromSeconds((double)seconds);
    }

    private IEnumerable<string> GrainsOf(LedgerEvent told)
    {
        if (told.Spender is { } spender)
        {
            yield return spender.Agent;
            yield return spender.UseCase;
            yield return spender.BusinessUnit;
            if (All.Count > 0 && Names.KindOf(All[0].Place.Grain) == "tenant") yield return All[0].Place.Grain;
        }

        string? named = told.FactCase switch
        {
            LedgerEvent.FactOneofCase.BudgetExtended => told.BudgetExtended.Grain,
            LedgerEvent.FactOneofCase.ExtensionDecided => told.ExtensionDecided.Extended?.Grain,
            LedgerEvent.FactOneofCase.ExtensionExpired => told.ExtensionExpired.Grain,
            LedgerEvent.FactOneofCase.BudgetReset => told.BudgetReset.Grain,
            LedgerEvent.FactOneofCase.PeriodEnded => told.PeriodEnded.Grain,
            LedgerEvent.FactOneofCase.WindowMoved => told.WindowMoved.Grain,
            _ => null, // Others name no account, or a path.
        };
        if (named is not null) yield return named;
        if (told.FactCase != LedgerEvent.FactOneofCase.SpendAdjusted) yield break;
        foreach (string grain in told.SpendAdjusted.Lines.SelectMany(line => line.Grains)) yield return grain;
    }
}
