using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Orleans.Configuration;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Grains.Tests;

/// <summary>A call is the same at the tenant's own silo and at any other, and so is one that gets lost.</summary>
public sealed class RemoteCallTests
{
    [Fact]
    public async Task Every_query_is_answered_alike_at_every_silo()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long session = (await Acme.BeginAsync(cluster.Silos[0], limitNanos: Acme.CallNanos))[0];
        CreateCredentialRequest create =
            new() { RequestId = "credential", Principal = "agents/writer", Role = Role.Agent };
        CreateCredentialCommand credential = new(create, ByteString.CopyFrom(new byte[32]), "admin");
        long number = (await Acme.DoneAsync(cluster.Silos[1], credential)).Event!.Sequence;
        RequestExtensionRequest more = new()
        {
            RequestId = "more",
            Grain = Acme.UseCase,
            Amount = new Money { CurrencyCode = "USD", Units = 1 },
            Reason = "due",
        };
        RequestExtensionCommand ask = new(more, session, "agents/writer");
        long asked = (await Acme.DoneAsync(cluster.Silos[1], ask)).Event!.Sequence;
        Command[] queries =
        [
            new BalanceQuery(session, ""),
            new BalanceQuery(0, Acme.UseCase),
            new SessionQuery(session),
            new SessionsQuery(new ListSessionsRequest { PageSize = 10 }),
            new SessionsQuery(new ListSessionsRequest { PageSize = 10 }, Owned: ["agents/nobody"]),
            new DisputesQuery(new ListDisputesRequest { PageSize = 10 }),
            new ExtensionRequestQuery($"extension-requests/x{asked}"),
            new ExtensionRequestsQuery(new ListExtensionRequestsRequest { PageSize = 10 }),
            new CatalogQuery(),
            new SpendSnapshotQuery(new SpendFilter()),
            new CredentialQuery(number),
            new CredentialsQuery(new ListCredentialsRequest { PageSize = 10 }),
            new CredentialBookQuery(),
        ];
        Assert.Equal(
            typeof(Command).Assembly.GetTypes().Count(type => type.Name.EndsWith("Query", StringComparison.Ordinal)),
            queries.DistinctBy(query => query.GetType()).Count());
        foreach (Command query in queries)
        {
            Answer first = await Acme.DoneAsync(cluster.Silos[0], query);
            Assert.NotNull(first.View);
            Assert.Equal(first, await Acme.DoneAsync(cluster.Silos[1], query));
            Assert.Equal(first, await Acme.DoneAsync(cluster.Silos[2], query));
        }
    }

    [Fact]
    public async Task A_catalog_of_the_largest_size_is_applied_and_patched_from_any_silo()
    {
        const int documentBytes = 16 * 1024 * 1024;
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Acme.BeginAsync(cluster.Silos[0]);
        ApplyCatalogCommand large = Acme.Catalog();
        Agent writer = large.Catalog.Agents[0];
        for (int number = 0; number < 20_000; number++)
        {
            Agent agent = writer.Clone();
            agent.Id = $"a{number}";
            large.Catalog.Agents.Add(agent);
        }

        (large.Request.RequestId, large.Request.Document) = ("large", new string('#', documentBytes));
        Catalog put = new();
        put.Agents.Add(writer.Clone());
        put.Agents[0].Id = "added";

        for (int silo = 0; silo < cluster.Silos.Count; silo++)
        {
            Answer applied = await Acme.DoneAsync(cluster.Silos[silo], large);
            Assert.Equal(documentBytes, applied.Event!.CatalogApplied.Document.Length);
        }

        PatchCatalogRequest request = new() { RequestId = "patch", Document = "patch" };
        Answer patched = await Acme.DoneAsync(
            cluster.Silos[1], new PatchCatalogCommand(request, put, ["agents/a7"], [], "admin"));
        Assert.Equal(2, patched.Event!.CatalogPatched.Changes.Count);
        foreach (ClusterSilo silo in cluster.Silos)
        {
            var catalog = (GetCatalogResponse)(await Acme.DoneAsync(silo, new CatalogQuery())).View!;
            Assert.Equal(large.Catalog.Agents.Count, catalog.Catalog.Agents.Count);
            Assert.Equal("added", catalog.Catalog.Agents[^1].Id);
        }
    }

    [Fact]
    public async Task Refusals_and_faults_are_told_alike_at_every_silo()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Acme.BeginAsync(cluster.Silos[0]);
        ApplyCatalogCommand faulty = Acme.Catalog();
        faulty.Request.RequestId = "faulty";
        faulty.Catalog.UseCases[0].BusinessUnit = "unheard-of";
        foreach (ClusterSilo silo in cluster.Silos)
        {
            Assert.Equal(Outcome.SessionNotFound, (await silo.SendAsync(new SessionQuery(99))).Outcome);
            Answer answer = await silo.SendAsync(faulty);
            Assert.Equal(Outcome.CatalogInvalid, answer.Outcome);
            Assert.Equal("useCases[0].businessUnit", Assert.Single(answer.Faults!).Field);
        }
    }

    [Fact]
    public async Task A_call_that_takes_too_long_has_an_unknown_outcome_and_is_answered_when_it_is_sent_again()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup
        {
            Configure = static silo => silo.Configure<SiloMessagingOptions>(
                messaging => messaging.ResponseTimeout = TimeSpan.FromSeconds(1)),
        });
        long session = (await Acme.BeginAsync(cluster.Silos[0]))[0];
        FaultsOfOwner(cluster).HoldAppends();
        Task<TenantFault>[] lost =
            [.. cluster.Silos.Select((silo, i) => silo.FaultOfAsync(Acme.Reserve(session, $"r{i}")))];
        await FaultsOfOwner(cluster).AppendHeldAsync(Waiting.Patience, default);
        Task<TenantFault>[] unread =
            [.. cluster.Silos.Select(silo => silo.FaultOfAsync(new BalanceQuery(session, "")))];
        Assert.All(await Task.WhenAll(lost), fault => Assert.Equal(TenantFault.OutcomeUnknown, fault));
        Assert.All(await Task.WhenAll(unread), fault => Assert.Equal(TenantFault.NotReady, fault));

        FaultsOfOwner(cluster).ReleaseAppends();
        for (int i = 0; i < 3; i++)
        {
            Answer again = await Acme.DoneAsync(cluster.Silos[(i + 1) % 3], Acme.Reserve(session, $"r{i}"));
            Assert.NotNull(again.Event!.ReservationHeld);
        }

        (_, List<LedgerEvent> journal) = await cluster.AuditAsync();
        Assert.Equal(3, journal.Count(read => read.ReservationHeld is not null));
    }

    [Fact]
    public async Task A_late_append_of_an_owner_that_was_killed_is_fenced_and_its_callers_have_an_unknown_outcome()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long session = (await Acme.BeginAsync(cluster.Silos[0]))[0];
        ClusterSilo owner = cluster.HomeOf(cluster.TenantGrain())!;
        ClusterSilo other = cluster.AnotherThan(owner);
        owner.Store.Faults.HoldAppends();
        Task<TenantFault> lost = other.FaultOfAsync(Acme.Reserve(session, "late"));
        await owner.Store.Faults.AppendHeldAsync(Waiting.Patience, default);
        await cluster.KillAsync(owner);
        Assert.Equal(TenantFault.OutcomeUnknown, await lost);
        Answer won = await Acme.DoneAsync(other, Acme.Reserve(session, "won"));
        owner.Store.Faults.ReleaseAppends();
        Answer again = await Acme.DoneAsync(other, Acme.Reserve(session, "late"));
        Assert.Equal(won.Event!.Sequence + 1, again.Event!.Sequence);
        (_, List<LedgerEvent> journal) = await cluster.AuditAsync();
        Assert.Equal(["catalog", "open-0", "won", "late"], journal.Select(read => read.RequestId));
    }

    private static Storage.InMemory.InMemoryFaults FaultsOfOwner(TestCluster cluster) =>
        cluster.HomeOf(cluster.TenantGrain())!.Store.Faults;
}
