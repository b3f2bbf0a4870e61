using AgentBudget.Protocol.V1;
using AgentBudget.Reporting.Anomalies;
using Microsoft.Data.Sqlite;

namespace AgentBudget.Reporting.Adjacency;

/// <summary>What is asked of <see cref="Aggregator.GetAdjacency"/>.</summary>
/// <param name="Start">The first instant; widened to the day's begin.</param>
/// <param name="End">The first instant after.</param>
/// <param name="Now">A day that is not over by then is not compared with others.</param>
public sealed record AdjacencyQuery(DateTimeOffset Start, DateTimeOffset End, DateTimeOffset Now);

/// <summary>
/// One report of use cases of different business units that belong together, in two steps: all is read, then compared.
/// Comparing takes a second for many use cases and needs no file, so nobody has to wait for it.
/// </summary>
internal sealed class AdjacencyReport(SqliteConnection connection, TenantSums sums, AdjacencyQuery query)
{
    private const int UseCasesMax = 200; // As the contract says: 19,900 pairs, in about a second.
    private const int PairsMax = 1_000; // As the contract says.
    private const string UseCasePrefix = "useCases/";

    private const string SelectOpened = """
        SELECT from_use_case, use_case, count(*) FROM child
        WHERE tenant = $tenant AND opened >= $start AND opened < $end AND from_business_unit <> business_unit
          AND from_use_case <> '' GROUP BY 1, 2
        """;

    private const string SelectSpent = """
        SELECT from_use_case, child.use_case, sum(cost), sum(cost_high)
        FROM spend JOIN child ON child.tenant = spend.tenant AND child.session = spend.session
        WHERE spend.tenant = $tenant AND quarter >= $start AND quarter < $end
          AND from_business_unit <> child.business_unit AND from_use_case <> ''
        GROUP BY 1, 2
        """;

    private const string SelectUnits = """
        SELECT use_case, business_unit, max(quarter) FROM spend
        WHERE tenant = $tenant AND quarter >= $start AND quarter < $end GROUP BY use_case
        """;

    private readonly LocalDays _days = new(sums.TimeZone);
    private readonly CatalogNames _names = sums.Names;
    private readonly GetAdjacencyResponse _response = new() { Sequence = sums.Position, AsOf = sums.Time };
    private readonly Dictionary<string, string> _units = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), AdjacentUseCases> _pairs = [];
    private readonly Dictionary<string, Int128> _spent = new(StringComparer.Ordinal);
    private EntityDays[] _all = [];
    private SharedUse _use = new();
    private int _today;
    private int _firstDay;
    private int _lastDay;
    private long _start;
    private long _end;

    /// <summary>The first step.</summary>
    public void Read()
    {
        _today = _days.DayOf(LocalDays.QuarterOf(query.Now));
        _firstDay = _days.DayOf(LocalDays.QuarterOf(query.Start));
        _lastDay = Math.Min(_today, _days.DayOf(LocalDays.QuarterOf(query.End.AddTicks(-1))));
        if (_lastDay < _firstDay) return;
        (_start, _end) = (_days.FirstOf(_firstDay), _days.FirstOf(_lastDay + 1));
        Read(SelectUnits, row => _units[row.GetString(0)] = row.GetString(1));
        _all =
        [
            .. EntityDays.Read(connection, sums.Tenant, _days, _firstDay, _lastDay)
                .Where(entity => entity.Grain.StartsWith(UseCasePrefix, StringComparison.Ordinal)),
        ];
        foreach (EntityDays useCase in _all)
            _spent[useCase.Grain] = useCase.DayNanos.Aggregate((Int128)0, (sum, nanos) => sum + nanos);
        ReadDelegations();
        _use = SharedUse.Read(connection, sums.Tenant, _start, _end);
    }

    /// <summary>The second step. Needs nothing but what was read.</summary>
    public GetAdjacencyResponse Compare()
    {
        EntityDays[] useCases = [.. _all.Take(UseCasesMax).OrderBy(entity => entity.Grain, StringComparer.Ordinal)];
        List<(string First, string Second)> pairs = PairsOf(useCases);
        foreach (((string First, string Second) pair, List<SharedParts> parts) in _use.Of(pairs))
            PairOf(pair.First, pair.Second).Shared.Add(parts);
        _response.PairsMoved = AddMovements(useCases, _firstDay, Math.Min(_lastDay, _today - 1));
        (_response.UseCases, _response.UseCasesLeft) = (useCases.Length, _all.Length - useCases.Length);
        _response.PairsCompared = pairs.Count;
        _response.Pairs.Add(_pairs.Values
            .OrderByDescending(pair => SpentBy(pair)).ThenBy(pair => pair.First, StringComparer.Ordinal)
            .ThenBy(pair => pair.Second, StringComparer.Ordinal).Take(PairsMax));
        return _response;
    }

    private List<(string First, string Second)> PairsOf(EntityDays[] useCases)
    {
        List<(string, string)> pairs = [];
        for (int first = 0; first < useCases.Length; first++)
        {
            for (int second = first + 1; second < useCases.Length; second++)
            {
                if (UnitOf(useCases[first].Grain) != UnitOf(useCases[second].Grain))
                    pairs.Add((useCases[first].Grain, useCases[second].Grain));
            }
        }

        return pairs;
    }

    private void ReadDelegations()
    {
        var found = new Dictionary<(string From, string To), DelegatedWork>();
        Read(SelectOpened, row => WorkOf(row).Sessions = row.GetInt64(2));
        Read(SelectSpent, row => WorkOf(row).Cost = ReportTerms.ToMoney(row.Wide(2, 3), _names.Kept.Currency));
        foreach (DelegatedWork work in found.Values)
        {
            work.Cost ??= ReportTerms.ToMoney(0, _names.Kept.Currency);
            PairOf(work.From, work.To).Delegations.Add(work);
        }

        DelegatedWork WorkOf(SqliteDataReader row)
        {
            (string From, string To) key = (row.GetString(0), row.GetString(1));
            if (!found.TryGetValue(key, out DelegatedWork? work))
                found.Add(key, work = new DelegatedWork { From = key.From, To = key.To });
            return work;
        }
    }

    // Only whole days are compared, and use cases that spent from the first of them on: another has no past.
    private int AddMovements(EntityDays[] useCases, int firstDay, int lastDay)
    {
        int count = lastDay - firstDay + 1;
        int compared = 0;
        IEnumerable<IGrouping<string, EntityDays>> classes = useCases
            .Where(useCase => useCase.FirstDay - firstDay < count - SpendMovements.DaysMin)
            .Where(useCase => ClassOf(useCase.Grain).Length > 0)
            .GroupBy(useCase => ClassOf(useCase.Grain), StringComparer.Ordinal);
        foreach (EntityDays[] ofClass in classes.Select(one => one.ToArray()))
        {
            int first = ofClass.Max(useCase => useCase.FirstDay);
            long[][] days = [.. ofClass.Select(useCase => useCase.DayNanos[
                (first - useCase.FirstDay)..(lastDay - useCase.FirstDay + 1)])];
            IReadOnlyList<Movement> found = SpendMovements.Find(
                days, (one, other) => UnitOf(ofClass[one].Grain) != UnitOf(ofClass[other].Grain), out int pairs);
            compared += pairs;
            foreach (Movement movement in found)
            {
                PairOf(ofClass[movement.First].Grain, ofClass[movement.Second].Grain).Movement = new SpendMovement
                {
                    LagDays = movement.LagDays,
                    Correlation = movement.Correlation,
                    P = movement.P,
                    Q = movement.Q,
                    Days = movement.Days,
                };
            }
        }

        return compared;
    }

    private AdjacentUseCases PairOf(string one, string other)
    {
        (string first, string second) = string.CompareOrdinal(one, other) < 0 ? (one, other) : (other, one);
        if (_pairs.TryGetValue((first, second), out AdjacentUseCases? pair)) return pair;
        pair = new AdjacentUseCases
        {
            First = first,
            FirstBusinessUnit = UnitOf(first),
            Second = second,
            SecondBusinessUnit = UnitOf(second),
        };
        pair.Cost = ReportTerms.ToMoney(SpentBy(pair), _names.Kept.Currency);
        _pairs.Add((first, second), pair);
        return pair;
    }

    private Int128 SpentBy(AdjacentUseCases pair) =>
        _spent.GetValueOrDefault(pair.First) + _spent.GetValueOrDefault(pair.Second);

    // Who pays now; of a use case that the catalog has no more, who paid last.
    private string UnitOf(string useCase) => _names.UseCaseOf(useCase) is { } known
        ? "businessUnits/" + known.BusinessUnit
        : _units.GetValueOrDefault(useCase, "");

    private string ClassOf(string useCase) => _names.UseCaseOf(useCase)?.Class ?? "";

    private void Read(string sql, Action<SqliteDataReader> take)
    {
        const int RowsMax = Aggregator.RowsMax;
        foreach (SqliteDataReader row in PeriodRows.Read(connection, sql, sums.Tenant, _start, _end, RowsMax))
            take(row);
    }
}
