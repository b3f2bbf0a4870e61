using AgentBudget.Protocol.V1;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class LedgerTests
{
    [Fact]
    public async Task A_watcher_that_resumes_sees_every_event_once()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        for (int index = 0; index < 20; index++)
            await silo.ReserveAsync(opened.SessionToken, $"before-{index}");

        List<long> seen = await ReadAsync(silo, fromSequence: 1, count: 10);
        Task<List<long>> live = ReadAsync(silo, fromSequence: seen[^1] + 1, count: 32);
        for (int index = 0; index < 20; index++)
            await silo.ReserveAsync(opened.SessionToken, $"after-{index}");
        seen.AddRange(await live);

        // The catalog, the session and forty holds.
        Assert.Equal(Enumerable.Range(1, 42).Select(sequence => (long)sequence), seen);
    }

    [Fact]
    public async Task A_watcher_gets_what_its_filter_names_with_a_snapshot_and_totals()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "r1");
        await silo.CommitAsync(opened.SessionToken, "c1", reserved.Reservation.ReservationId, input: 1000);
        await silo.ReserveAsync(opened.SessionToken, "r2", input: 2_000_000);
        using CancellationTokenSource patience = new(TestSilo.Patience);
        WatchSpendRequest request = new()
        {
            FromSequence = 1,
            Snapshot = true,
            Filter = new SpendFilter
            {
                UseCase = "useCases/promo",
                Kinds = { EventKind.ReservationSettled, EventKind.ReservationRefused },
            },
        };

        List<WatchSpendResponse> messages = [];
        await foreach (WatchSpendResponse message in silo.WatchAsync(request, patience.Token))
        {
            messages.Add(message);
            if (messages.Count == 3)
                break;
        }

        GrainBalance snapshot = Assert.Single(messages[0].Snapshot.Grains);
        Assert.Equal(("useCases/promo", 1000), (snapshot.Grain, snapshot.SettledTokens));
        Assert.Equal(LedgerEvent.FactOneofCase.ReservationSettled, messages[1].Event.FactCase);
        Assert.Equal(LedgerEvent.FactOneofCase.ReservationRefused, messages[2].Event.FactCase);
        Assert.Equal((1000, 1L), (messages[2].Totals.Settled.Tokens, messages[2].Totals.Refused));
    }

    [Fact]
    public async Task Entries_page_through_the_whole_ledger()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        for (int index = 0; index < 10; index++)
            await silo.ReserveAsync(opened.SessionToken, $"r{index}");

        List<long> seen = [];
        string token = "";
        do
        {
            ListEntriesResponse page = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
                "ListEntries", new ListEntriesRequest { PageSize = 5, PageToken = token });
            seen.AddRange(page.Entries.Select(entry => entry.Sequence));
            token = page.NextPageToken;
        }
        while (token.Length > 0);

        Assert.Equal(Enumerable.Range(1, 12).Select(sequence => (long)sequence), seen);
    }

    [Fact]
    public async Task A_chargeback_equals_the_ledger()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        for (int index = 0; index < 50; index++)
        {
            ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, $"r{index}");
            await silo.CommitAsync(
                opened.SessionToken, $"c{index}", reserved.Reservation.ReservationId, input: 7 * index);
        }

        await silo.ReserveAsync(opened.SessionToken, "too much", input: 5_000_000);
        GetChargebackResponse report = await silo.CallAsync<GetChargebackRequest, GetChargebackResponse>(
            "GetChargeback", new GetChargebackRequest { GroupBy = { "use_case", "model" } });
        ListEntriesResponse ledger = await silo.CallAsync<ListEntriesRequest, ListEntriesResponse>(
            "ListEntries",
            new ListEntriesRequest
            {
                PageSize = 1000,
                Filter = new SpendFilter { Kinds = { EventKind.ReservationSettled } },
            });

        ChargebackRow row = report.Rows.Single(found => found.Cost.Units > 0 || found.Cost.Nanos > 0);
        Assert.Equal(ledger.Entries.Sum(entry => entry.ReservationSettled.CostNanos), row.Cost.Nanos);
        Assert.Equal(7 * 49 * 50 / 2, report.Total.Tokens.InputTokens);
        Assert.Equal((50, 1, 1), (report.Total.Calls, report.Total.Refused, report.Total.Sessions));
        Assert.Equal("useCases/promo", row.Keys["use_case"]);
    }

    [Fact]
    public async Task A_filter_names_each_field_that_is_not_right()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        ListEntriesRequest entries = new()
        {
            Filter = new SpendFilter
            {
                BusinessUnit = "x",
                UseCase = "x",
                Agent = "x",
                Session = "x",
                Run = "x",
                Model = "a b",
            },
        };
        GetChargebackRequest report = new()
        {
            Filter = new ReportFilter
            {
                BusinessUnit = "x",
                UseCase = "x",
                Agent = "x",
                Session = "x",
                Model = "a b",
                Tool = "a b",
                Sku = "a b",
            },
        };

        string ofEntries = await FaultOfAsync(
            silo.CallAsync<ListEntriesRequest, ListEntriesResponse>("ListEntries", entries));
        string ofReport = await FaultOfAsync(
            silo.CallAsync<GetChargebackRequest, GetChargebackResponse>("GetChargeback", report));

        string[] common = ["filter.business_unit", "filter.use_case", "filter.agent", "filter.session", "filter.model"];
        Assert.All([.. common, "filter.run"], field => Assert.Contains(field, ofEntries, StringComparison.Ordinal));
        Assert.All(
            [.. common, "filter.tool", "filter.sku"],
            field => Assert.Contains(field, ofReport, StringComparison.Ordinal));

        static async Task<string> FaultOfAsync(Task call)
        {
            RpcException refused = await Assert.ThrowsAsync<RpcException>(() => call);
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            return refused.Status.Detail;
        }
    }

    [Fact]
    public async Task A_restart_keeps_everything()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        ReserveTokensResponse held = await silo.ReserveAsync(opened.SessionToken, "r1");
        ReserveTokensResponse settled = await silo.ReserveAsync(opened.SessionToken, "r2");
        await silo.CommitAsync(opened.SessionToken, "c2", settled.Reservation.ReservationId, input: 500);
        string key = silo.AdminKey;
        IReadOnlyList<GrainBalance> before = await silo.BalanceAsync(opened.SessionToken);

        await silo.StopAsync();
        await silo.StartAgainAsync();

        Assert.Equal(key, silo.AdminKey);
        Assert.Equal(before, await silo.BalanceAsync(opened.SessionToken));
        ReserveTokensResponse retried = await silo.ReserveAsync(opened.SessionToken, "r1");
        Assert.Equal(held.Reservation, retried.Reservation);
        CommitTokensResponse committed =
            await silo.CommitAsync(opened.SessionToken, "c1", held.Reservation.ReservationId, input: 1000);
        Assert.Equal(1000, committed.Settled.Tokens);
    }

    [Fact]
    public async Task A_catalog_with_faults_is_refused_whole_with_their_lines()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string faulty = Catalogs.Small
            .Replace(
                "businessUnit: marketing\n    budget:", "businessUnit: sales\n    budget:", StringComparison.Ordinal)
            .Replace("limit: 500,", "limit: -5,", StringComparison.Ordinal);

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => silo.ApplyAsync(faulty, "faulty"));

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Equal(
            [("businessUnits[0].budget.limit", "line 5: must not be negative."),
             ("useCases[0].businessUnit", "line 8: 'sales' is not among the business units")],
            refused.GetRpcStatus()!.GetDetail<BadRequest>()
                .FieldViolations.Select(fault => (fault.Field, fault.Description)));
        GetCatalogResponse catalog =
            await silo.CallAsync<GetCatalogRequest, GetCatalogResponse>("GetCatalog", new GetCatalogRequest());
        Assert.Equal(Catalogs.Small, catalog.Document);
    }

    [Fact]
    public async Task A_catalog_for_another_tenant_than_the_metadata_names_is_refused()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        Dictionary<string, string> metadata = new() { ["agentbudget-tenant"] = "umbrella" };

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() =>
            silo.CallAsync<ApplyCatalogRequest, ApplyCatalogResponse>(
                "ApplyCatalog",
                new ApplyCatalogRequest { RequestId = "c", Document = Catalogs.Small },
                bearer: null,
                metadata));

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
    }

    [Fact]
    public async Task With_several_tenants_the_operator_names_one_and_none_sees_another()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse acme = await silo.OpenAsync();
        await silo.ApplyAsync(Catalogs.Small.Replace("acme", "umbrella", StringComparison.Ordinal), "second");

        RpcException unnamed = await Assert.ThrowsAsync<RpcException>(() => silo.OpenAsync("unnamed"));
        Assert.Equal(StatusCode.InvalidArgument, unnamed.StatusCode);
        RpcException absent = await Assert.ThrowsAsync<RpcException>(() => GetSessionAsync(silo, acme, "umbrella"));
        RpcException unknown = await Assert.ThrowsAsync<RpcException>(() => GetSessionAsync(silo, acme, "nobody"));
        Assert.Equal(StatusCode.NotFound, absent.StatusCode);
        Assert.Equal(StatusCode.NotFound, unknown.StatusCode);
        Assert.Equal(acme.Session.Session_, (await GetSessionAsync(silo, acme, "acme")).Session.Session_);

        // A session's token says whose it is, whatever the metadata says.
        Assert.Equal(Decision.Allow, (await silo.ReserveAsync(acme.SessionToken, "r1")).Decision);
    }

    [Fact]
    public async Task An_extension_makes_room_and_answers_before_and_after()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        Assert.Equal(Decision.Deny, (await silo.ReserveAsync(opened.SessionToken, "r1", input: 1_500_000)).Decision);

        ExtendBudgetResponse extended = await silo.CallAsync<ExtendBudgetRequest, ExtendBudgetResponse>(
            "ExtendBudget",
            new ExtendBudgetRequest
            {
                RequestId = "x",
                Grain = "useCases/promo",
                Amount = new Money { Units = 1 },
                Reason = "campaign",
            });

        Assert.Equal((1, 2), (extended.Before.Limit.Units, extended.After.Limit.Units));
        Assert.Equal(Decision.Allow, (await silo.ReserveAsync(opened.SessionToken, "r2", input: 1_500_000)).Decision);
    }

    private static Task<GetSessionResponse> GetSessionAsync(TestSilo silo, OpenSessionResponse opened, string tenant) =>
        silo.CallAsync<GetSessionRequest, GetSessionResponse>(
            "GetSession",
            new GetSessionRequest { Session = opened.Session.Session_ },
            bearer: null,
            new Dictionary<string, string> { ["agentbudget-tenant"] = tenant });

    private static async Task<List<long>> ReadAsync(TestSilo silo, long fromSequence, int count)
    {
        using CancellationTokenSource patience = new(TestSilo.Patience);
        List<long> seen = [];
        await foreach (WatchSpendResponse message in silo.WatchAsync(
            new WatchSpendRequest { FromSequence = fromSequence }, patience.Token))
        {
            if (message.Event is null)
                continue;
            seen.Add(message.Event.Sequence);
            if (seen.Count == count)
                return seen;
        }

        return seen;
    }
}
