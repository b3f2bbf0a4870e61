using System.Collections.Frozen;
using System.Runtime.InteropServices;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Adjacency;
using AgentBudget.Reporting.Anomalies;
using AgentBudget.Reporting.Focus;
using AgentBudget.Reporting.Forecasts;
using AgentBudget.Reporting.Initiatives;

namespace AgentBudget.Reporting;

/// <summary>
/// Folds ledger events, in order, into spend by business unit, use case, agent, model, session and quarter of an hour,
/// and into the cost and outcome of every run. Sums and position are written in one transaction, so a restart neither
/// loses nor doubles: what was folded and not yet written is asked for again, because <see cref="Position"/> goes back
/// with it. Everything here can be rebuilt from the ledger. Safe for any thread.
/// </summary>
public sealed class Aggregator : IDisposable
{
    /// <summary>Most rows of a report; the answer stays a message that a client can take in one piece.</summary>
    public const int RowsMax = 100_000;

    /// <summary>Most days of a report that compares days.</summary>
    public const int DaysMax = 400;

    /// <summary>
    /// Folded events that may wait to be written; folding them again after a crash takes about a second.
    /// </summary>
    internal const int PendingEventsMax = 262_144;

    /// <summary>Distinct sums that may wait to be written; about 16 MB.</summary>
    internal const int PendingSumsMax = 32_768;

    private readonly Lock _lock = new();
    private readonly ReportStore _store;
    private readonly Dictionary<string, TenantSums> _tenants;
    private int _pendingEvents;
    private int _pendingSums;
    private bool _isDisposed;

    private Aggregator(ReportStore store)
    {
        _store = store;
        _tenants = store.ReadTenants();
        foreach (TenantSums sums in _tenants.Values) AddTags(sums);
    }

    /// <summary>The names that group_by may hold.</summary>
    public static IReadOnlySet<string> Groupings { get; } = Chargeback.Columns.Keys.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>The names that group_by of unit costs may hold.</summary>
    public static IReadOnlySet<string> UnitCostGroupings { get; } =
        UnitCosts.Columns.Keys.ToFrozenSet(StringComparer.Ordinal);

    /// <summary>
    /// Why a file that was there was made anew at <see cref="Open"/>, as a sentence for the log; null when it was taken
    /// as it is, and at the first start.
    /// </summary>
    public string? RebuildReason => _store.RebuildReason;

    /// <summary>
    /// Opens the file at <paramref name="path"/>, or makes it anew if it is missing, damaged or of another format; then
    /// every <see cref="Position"/> is 0 and the whole ledger is to be folded. Throws I/O errors.
    /// </summary>
    public static Aggregator Open(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var store = ReportStore.Open(path);
        try
        {
            return new Aggregator(store);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    /// <summary>Sequence of the last event folded; 0 for a tenant without any. The next fold starts after it.</summary>
    public long Position(string tenant)
    {
        lock (_lock) return _tenants.TryGetValue(tenant, out var sums) ? sums.Position : 0;
    }

    /// <summary>
    /// Folds the events that follow <see cref="Position"/>. All of them are counted, or, when it throws, none that was
    /// not asked for again: continue from <see cref="Position"/>. The events are not kept.
    /// Throws <see cref="InvalidOperationException"/> on a gap or a repetition, and I/O errors of the file.
    /// </summary>
    public void Fold(string tenant, IReadOnlyList<LedgerEvent> events)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        ArgumentNullException.ThrowIfNull(events);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            var sums = TenantOf(tenant);
            RequireContiguous(tenant, sums.Position, events);
            if (_pendingEvents + events.Count > PendingEventsMax || _pendingSums >= PendingSumsMax) Flush();
            FoldCore(sums, events);
        }
    }

    /// <summary>
    /// Folds the events that follow a position, as <see cref="Fold"/> does, unless somebody else folded them
    /// meanwhile: false then, and nothing is counted twice.
    /// </summary>
    public bool TryFold(string tenant, long position, IReadOnlyList<LedgerEvent> events)
    {
        lock (_lock)
        {
            if (Position(tenant) != position) return false;
            Fold(tenant, events);
            return true;
        }
    }

    /// <summary>
    /// Forgets what was folded of a tenant, durably: for a ledger that is shorter than <see cref="Position"/>, because
    /// its store was restored to an earlier time. Fold it again from 1.
    /// </summary>
    public void Reset(string tenant)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (!_tenants.TryGetValue(tenant, out var sums)) return;
            Forget(sums);
            _store.Delete(tenant);
            _store.Rewind(sums);
        }
    }

    /// <summary>
    /// Spend of a period by group, exact to the nano. Periods are hours: the start is rounded down, the end up. Days
    /// and months are those of the catalog's time zone. The total's sessions are distinct over all rows.
    /// Throws <see cref="ReportException"/>; field shapes are the caller's to check.
    /// </summary>
    public GetChargebackResponse GetChargeback(string tenant, GetChargebackRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Query(tenant, sums => _store.Query(sums, new Chargeback(request)));
    }

    /// <summary>
    /// What the runs that ended in a period cost, by success and by what their outcomes gained, by group. Periods are
    /// hours, as of <see cref="GetChargeback"/>. Throws <see cref="ReportException"/>; field shapes are the caller's to
    /// check.
    /// </summary>
    public GetUnitCostsResponse GetUnitCosts(string tenant, GetUnitCostsRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Query(tenant, sums => _store.Query(sums, new UnitCosts(request)));
    }

    /// <summary>
    /// Charges of a period as a FOCUS file, all of one position. Throws <see cref="ReportException"/>.
    /// </summary>
    public FocusExport ExportFocus(string tenant, FocusRequest request)
    {
        ArgumentNullException.ThrowIfNull(request);
        return Query(
            tenant,
            sums => new FocusExport(
                _lock, _store.OpenFocus(sums, request), request, sums.Position, () => _isDisposed));
    }

    /// <summary>
    /// What each hour settled up to now, of a business unit, use case or agent, or of all. Throws
    /// <see cref="ReportException"/>.
    /// </summary>
    public HourlySpend GetHours(string tenant, ReportFilter filter, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(filter);
        return Query(tenant, sums => _store.QueryHours(sums, filter, now));
    }

    /// <summary>
    /// What stands out in a period, why, and how often the rules would have cried. Throws <see
    /// cref="ReportException"/>; the query is the caller's to check.
    /// </summary>
    public GetAnomaliesResponse GetAnomalies(string tenant, AnomalyQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        AnomalyReport report = Query(tenant, sums => _store.ReadAnomalies(sums, query));
        report.Judge(); // Whoever folds or asks meanwhile does not wait for it.
        return Query(tenant, _ => report.Explain());
    }

    /// <summary>
    /// Use cases of different business units that belong together, and why. Throws <see cref="ReportException"/>; the
    /// query is the caller's to check.
    /// </summary>
    public GetAdjacencyResponse GetAdjacency(string tenant, AdjacencyQuery query)
    {
        ArgumentNullException.ThrowIfNull(query);
        return Query(tenant, sums => _store.ReadAdjacency(sums, query)).Compare();
    }

    /// <summary>
    /// What a run cost, session by session; null where nothing of it was folded. Throws <see cref="ReportException"/>.
    /// </summary>
    public GetRunCostsResponse? GetRunCosts(string tenant, string run)
    {
        ArgumentException.ThrowIfNullOrEmpty(run);
        return Query(tenant, sums => _store.QueryRun(sums, run));
    }

    /// <summary>
    /// Whether a use case is worth what it costs, by what its budgets come to. Throws <see cref="ReportException"/>.
    /// </summary>
    public GetInitiativeResponse GetInitiative(
        string tenant, InitiativeQuery query, IEnumerable<WindowForecast> windows)
    {
        ArgumentNullException.ThrowIfNull(query);
        ArgumentNullException.ThrowIfNull(windows);
        return Query(tenant, sums => _store.QueryInitiative(sums, query, windows));
    }

    // Everything that was folded is written first; a tenant that nothing was folded of has no sums.
    private TResponse Query<TResponse>(string tenant, Func<TenantSums, TResponse> query)
    {
        ArgumentException.ThrowIfNullOrEmpty(tenant);
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            Flush();
            return query(_tenants.GetValueOrDefault(tenant) ?? new TenantSums(tenant, _store.Items));
        }
    }

    /// <summary>Writes what is pending and closes the file.</summary>
    public void Dispose()
    {
        lock (_lock)
        {
            if (_isDisposed) return;
            _isDisposed = true;
            try
            {
                Flush();
            }
            finally
            {
                _store.Dispose();
            }
        }
    }

    /// <summary>Closes the file without writing what is pending, as a crash would.</summary>
    internal void Abandon()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _store.Dispose();
        }
    }

    private static void RequireContiguous(string tenant, long position, IReadOnlyList<LedgerEvent> events)
    {
        for (int i = 0; i < events.Count; i++)
        {
            if (events[i].Sequence == position + 1 + i) continue;
            throw new InvalidOperationException(
                $"tenant {tenant}: event {position + 1 + i} was expected, {events[i].Sequence} came");
        }
    }

    private TenantSums TenantOf(string tenant)
    {
        if (_tenants.TryGetValue(tenant, out var sums)) return sums;
        sums = new TenantSums(tenant, _store.Items);
        AddTags(sums);
        _tenants.Add(tenant, sums);
        return sums;
    }

    private void AddTags(TenantSums sums)
    {
        sums.Tags.Reader = _store.ReadTags;
        sums.Tags.HasAny = _store.HasTags(sums.Tenant);
    }

    private void FoldCore(TenantSums sums, IReadOnlyList<LedgerEvent> events)
    {
        int sumsBefore = sums.PendingCount;
        _pendingEvents += events.Count;
        try
        {
            foreach (var ledgerEvent in CollectionsOf(events)) sums.Fold(ledgerEvent);
            _pendingSums += sums.PendingCount - sumsBefore;
        }
        catch
        {
            // Some of the batch is in the pending sums: go back to what is written, for a second try or for the log.
            _pendingSums += sums.PendingCount - sumsBefore;
            Forget(sums);
            _store.Rewind(sums);
            throw;
        }
    }

    private static ReadOnlySpan<LedgerEvent> CollectionsOf(IReadOnlyList<LedgerEvent> events) => events switch
    {
        LedgerEvent[] array => array,
        List<LedgerEvent> list => CollectionsMarshal.AsSpan(list),
        _ => events.ToArray(),
    };

    private void Forget(TenantSums sums)
    {
        _pendingSums -= sums.PendingCount;
        sums.ClearPending();
    }

    private void Flush()
    {
        if (_pendingEvents == 0) return;
        _store.Write(_tenants.Values);
        foreach (var sums in _tenants.Values)
        {
            sums.IsChanged = false;
            sums.Tags.Written();
            sums.ClearPending();
        }
        _pendingEvents = 0;
        _pendingSums = 0;
    }
}
