using System.Collections.Concurrent;
using AgentBudget.Client;
using AgentBudget.Dashboard.SigningIn;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Dashboard.Reading;

/// <summary>What pages read, as whoever looks.</summary>
internal sealed class LedgerReads(Viewer viewer, TimeProvider time)
{
    /// <summary>Sessions that a page shows at most.</summary>
    internal const int SessionsMax = 1_000;

    /// <summary>Reports that are read from the ledger itself, which takes as long as it is.</summary>
    internal static readonly TimeSpan LongReadMax = TimeSpan.FromMinutes(2);

    private const int AtOnceMax = 8;
    private const int AccountsMax = 2_000; // More than a person looks at; the rest is found by its name.
    private static readonly TimeSpan ReadMax = TimeSpan.FromSeconds(15);

    private Catalog? _catalog;
    private string? _currency;

    /// <summary>One call, with retries while the silo is not there.</summary>
    internal Task<TResponse> CallAsync<TRequest, TResponse>(
        Func<TRequest, CallOptions, AsyncUnaryCall<TResponse>> method,
        TRequest request,
        CancellationToken cancellation,
        TimeSpan? most = null)
        where TRequest : class, Google.Protobuf.IMessage<TRequest>
        where TResponse : class =>
        viewer.Client.CallAsync(method, request, cancellation, most ?? ReadMax);

    /// <summary>The catalog; null for a role that does not read it.</summary>
    internal async Task<Catalog?> CatalogAsync(CancellationToken cancellation, bool isFresh = false)
    {
        if (!viewer.Role.ReadsCatalog()) return null;
        if (_catalog is null || isFresh)
        {
            _catalog = (await CallAsync(
                viewer.Client.Catalogs.GetCatalogAsync, new GetCatalogRequest(), cancellation)).Catalog;
        }

        return _catalog;
    }

    /// <summary>The currency of everything that whoever looks sees; empty until something was spent.</summary>
    internal async Task<string> CurrencyAsync(CancellationToken cancellation)
    {
        if (_currency is { Length: > 0 } known) return known;
        if (await CatalogAsync(cancellation) is { } catalog) return _currency = catalog.Currency;
        if (!viewer.Role.ReadsSessions()) return "";
        ListSessionsResponse page = await CallAsync(
            viewer.Client.Sessions.ListSessionsAsync, new ListSessionsRequest { PageSize = 1 }, cancellation);
        return _currency = page.Sessions.Count > 0 ? page.Sessions[0].Settled?.Cost?.CurrencyCode ?? "" : "";
    }

    /// <summary>The accounts that whoever looks may know of, parents before children.</summary>
    internal async Task<IReadOnlyList<AccountPlace>> AccountsAsync(CancellationToken cancellation)
    {
        if (await CatalogAsync(cancellation, isFresh: true) is { } catalog)
            return [.. AccountPlace.Of(catalog).Take(AccountsMax)];
        if (viewer.Role != ViewerRole.Owner) return [];
        // An owner has no catalog: its use cases are those of its sessions.
        IReadOnlyList<Session> sessions = await SessionsAsync(new ListSessionsRequest(), cancellation);
        return [.. AccountPlace.Of(sessions).Take(AccountsMax)];
    }

    /// <summary>Balances by name, each with those of its parts; what may not be seen is left out.</summary>
    internal Task<IReadOnlyDictionary<string, IReadOnlyList<GrainBalance>>> BalancesAsync(
        IEnumerable<string> grains, CancellationToken cancellation) =>
        EachAsync<IReadOnlyList<GrainBalance>>(
            grains,
            async (grain, stopping) => (await CallAsync(
                viewer.Client.Budgets.GetBalanceAsync, new GetBalanceRequest { Grain = grain }, stopping)).Grains,
            cancellation);

    /// <summary>What accounts come to, by name; what may not be seen is left out.</summary>
    internal Task<IReadOnlyDictionary<string, GetForecastResponse>> ForecastsAsync(
        IEnumerable<string> grains, CancellationToken cancellation) =>
        EachAsync(
            grains,
            (grain, stopping) => CallAsync(
                viewer.Client.Reports.GetForecastAsync, new GetForecastRequest { Grain = grain }, stopping),
            cancellation);

    /// <summary>
    /// Asks the same of several things, a few at a time; what is another's, or gone since it was listed, is left out.
    /// </summary>
    internal static async Task<IReadOnlyDictionary<string, T>> EachAsync<T>(
        IEnumerable<string> names, Func<string, CancellationToken, Task<T>> askAsync, CancellationToken cancellation)
    {
        ConcurrentDictionary<string, T> answers = new();
        ParallelOptions bounds = new() { MaxDegreeOfParallelism = AtOnceMax, CancellationToken = cancellation };
        await Parallel.ForEachAsync(names, bounds, async (name, stopping) =>
        {
            try
            {
                answers[name] = await askAsync(name, stopping);
            }
            catch (AgentBudgetException fault) when (fault.StatusCode is StatusCode.NotFound
                or StatusCode.PermissionDenied)
            {
                // Its account is not for whoever looks.
            }
        });
        return answers;
    }

    /// <summary>The tenant's time zone; UTC for a role that does not read the catalog.</summary>
    internal async Task<TimeZoneInfo> ZoneAsync(CancellationToken cancellation) =>
        await CatalogAsync(cancellation) is { TimeZone.Length: > 0 } catalog
            && TimeZoneInfo.TryFindSystemTimeZoneById(catalog.TimeZone, out TimeZoneInfo? zone)
                ? zone
                : TimeZoneInfo.Utc;

    /// <summary>Sessions, the newest first, up to <see cref="SessionsMax"/>.</summary>
    internal async Task<IReadOnlyList<Session>> SessionsAsync(
        ListSessionsRequest request, CancellationToken cancellation)
    {
        request.PageSize = SessionsMax;
        ListSessionsResponse page =
            await CallAsync(viewer.Client.Sessions.ListSessionsAsync, request, cancellation);
        return page.Sessions;
    }

    /// <summary>
    /// Where the ledger ends now, or near there for an owner of several use cases; 0 where whoever looks is not told.
    /// </summary>
    internal async Task<long> EndAsync(CancellationToken cancellation)
    {
        try
        {
            GetChargebackRequest little = new()
            {
                Period = new ReportPeriod { StartTime = Timestamp.FromDateTimeOffset(time.GetUtcNow()) },
            };
            return (await CallAsync(viewer.Client.Reports.GetChargebackAsync, little, cancellation)).Sequence;
        }
        catch (AgentBudgetException fault) when (fault.StatusCode == StatusCode.PermissionDenied)
        {
            return 0;
        }
        catch (AgentBudgetException fault) when (fault.StatusCode == StatusCode.InvalidArgument)
        {
            // It would have to name one of them. A session is named after the event that opened it.
            IReadOnlyList<Session> newest = await SessionsAsync(new ListSessionsRequest(), cancellation);
            return newest.Count > 0 ? Text.Names.NumberOf(newest[0].Session_) : 0;
        }
    }
}
