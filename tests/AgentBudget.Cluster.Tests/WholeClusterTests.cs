using AgentBudget.Cluster.Tests.Support;
using AgentBudget.Faults.Tests;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Cluster.Tests;

/// <summary>Three silos that are well: what one of them decides or changes counts on all of them at once.</summary>
public sealed class WholeClusterTests(RunningCluster running) : IClassFixture<RunningCluster>
{
    // A token costs a millionth, so the narrow use case has room for a thousand of them and a tenth more.
    private const string Catalog = """
        tenant: acme
        currency: USD
        timeZone: UTC
        businessUnits:
          - { id: unit, budget: { limit: 1000000.00, period: none } }
        useCases:
          - { id: case, businessUnit: unit, budget: { limit: 1000.00, period: none } }
          - { id: narrow, businessUnit: unit, budget: { limit: 0.001, period: none } }
        agents:
          - id: agent
            businessUnit: unit
            useCases: [case, narrow]
            models: [model]
            ceilings: { costPerSession: 100000.00, sessionTtl: 12h, sessionLifetime: 24h }
        prices:
          - { model: model, provider: any, effectiveFrom: 2026-01-01, rates: { input: 1.00, output: 1.00 } }
        """;

    private SiloCluster Cluster => running.Cluster;

    private string AdminKey => Cluster.AdminKey;

    [Fact]
    public async Task A_revoked_credential_is_refused_on_every_silo_with_the_next_call()
    {
        int rounds = Seed.Number("AGENTBUDGET_CLUSTER_REVOCATIONS", otherwise: 10, max: 10_000);
        using Calls calls = await Calls.StartAsync(Cluster, Catalog);
        for (int round = 0; round < rounds; round++)
        {
            CreateCredentialResponse made =
                await calls.Of(round).CreateCredentialAsync(AdminKey, $"make-{round}");
            foreach (SiloCalls silo in calls.All) await silo.GetBalanceAsync(made.Secret, "agents/agent");
            await calls.Of(round + 1).RevokeCredentialAsync(AdminKey, made.Credential.Credential_, $"end-{round}");
            StatusCode[] statuses = await Task.WhenAll(calls.All.Select(
                silo => SiloCalls.StatusOfAsync(silo.GetBalanceAsync(made.Secret, "agents/agent"))));
            Assert.All(statuses, status => Assert.Equal(StatusCode.Unauthenticated, status));
        }
    }

    [Fact]
    public async Task An_ended_session_is_refused_on_every_silo_with_the_next_call()
    {
        int rounds = Seed.Number("AGENTBUDGET_CLUSTER_REVOCATIONS", otherwise: 10, max: 10_000);
        using Calls calls = await Calls.StartAsync(Cluster, Catalog);
        for (int round = 0; round < rounds; round++)
        {
            string token = (await calls.Of(round).OpenSessionAsync(AdminKey, $"open-{round}")).SessionToken;
            await calls.Of(round + 1).EndSessionAsync(AdminKey, token, $"close-{round}");
            ReserveTokensResponse[] answers = await Task.WhenAll(calls.All.Select(
                (silo, number) => silo.ReserveAsync(AdminKey, token, $"late-{round}-{number}", tokens: 1)));
            Assert.All(answers, answer => Assert.Equal(Reason.SessionClosed, answer.Denial.Reason));
        }
    }

    [Fact]
    public async Task Another_signing_key_signs_on_every_silo_and_an_ended_one_counts_on_none()
    {
        using Calls calls = await Calls.StartAsync(Cluster, Catalog);
        string before = (await calls.Of(0).OpenSessionAsync(AdminKey, "before")).SessionToken;
        RotateSigningKeyResponse rotated = await calls.Of(1).RotateAsync(AdminKey, "rotate");
        foreach ((SiloCalls minting, int number) in calls.All.Select((silo, number) => (silo, number)))
        {
            string token = (await minting.OpenSessionAsync(AdminKey, $"after-{number}")).SessionToken;
            foreach ((SiloCalls silo, int place) in calls.All.Select((silo, place) => (silo, place)))
            {
                await silo.ReserveAsync(token, token, $"new-{number}-{place}", tokens: 1);
                await silo.ReserveAsync(before, before, $"old-{number}-{place}", tokens: 1);
            }
        }

        await calls.Of(2).RotateAsync(AdminKey, "end", rotated.RetiredKeyId);
        foreach ((SiloCalls silo, int place) in calls.All.Select((silo, place) => (silo, place)))
        {
            Task call = silo.ReserveAsync(before, before, $"ended-{place}", tokens: 1);
            Assert.Equal(StatusCode.Unauthenticated, await SiloCalls.StatusOfAsync(call));
        }
    }

    [Fact]
    public async Task Of_a_thousand_callers_over_three_silos_exactly_one_gets_the_last_unit()
    {
        const int Callers = 1_000;
        const int Sessions = 20;
        const long Tokens = 600; // Two of them are more than there is.
        using Calls calls = await Calls.StartAsync(Cluster, Catalog);
        string[] tokens = await Task.WhenAll(Enumerable.Range(0, Sessions).Select(async number =>
            (await calls.Of(number).OpenSessionAsync(AdminKey, $"narrow-{number}", "useCases/narrow")).SessionToken));
        ReserveTokensResponse[] answers = await Task.WhenAll(Enumerable.Range(0, Callers).Select(caller =>
            SiloCalls.UntilKnownAsync(() => calls.Of(caller).ReserveAsync(
                AdminKey, tokens[caller % Sessions], $"last-{caller}", Tokens))));
        Assert.Single(answers, answer => answer.Decision == Decision.Allow);
        Assert.All(
            answers.Where(answer => answer.Decision != Decision.Allow),
            answer => Assert.Equal(Reason.UseCaseBudget, answer.Denial.Reason));
        foreach (SiloCalls silo in calls.All)
        {
            GetBalanceResponse balance = await silo.GetBalanceAsync(AdminKey, "useCases/narrow");
            Assert.Equal(Tokens * 1000, Accounts.Nanos(balance.Grains[0].Held));
        }

        await Cluster.AuditAsync();
    }

    [Fact]
    public async Task A_silo_with_another_clusters_key_does_not_start()
    {
        await using ClusterSilo stranger = Cluster.NewSilo("stranger", Cluster.WriteKey("other.key"));
        stranger.Launch();
        Assert.Equal(64, await stranger.ExitCodeAsync());
        Assert.Contains("The cluster key does not open what this store's silos share", stranger.Output);
    }

    [Fact]
    public async Task A_silo_whose_folder_belongs_to_another_store_does_not_start()
    {
        string folder = Path.Combine(Cluster.Folder, "moved");
        Directory.CreateDirectory(folder);
        await File.WriteAllTextAsync(Path.Combine(folder, "store.id"), $"{Guid.Empty}\n");
        await using ClusterSilo moved = Cluster.NewSilo("moved");
        moved.Launch();
        Assert.Equal(64, await moved.ExitCodeAsync());
        Assert.Contains($"belongs to the store {Guid.Empty}", moved.Output);
    }

    [Fact]
    public async Task A_silo_whose_store_is_not_there_does_not_start()
    {
        await using ClusterSilo lost = Cluster.NewLostSilo("lost");
        lost.Launch();
        Assert.Equal(74, await lost.ExitCodeAsync());
        Assert.Contains("nobody answers at its address", lost.Output);
    }

    /// <summary>Callers of each silo.</summary>
    private sealed class Calls(SiloCalls[] all) : IDisposable
    {
        public IReadOnlyList<SiloCalls> All => all;

        public static async Task<Calls> StartAsync(SiloCluster cluster, string catalog)
        {
            Calls calls = new([.. cluster.Silos.Select(silo => new SiloCalls(silo))]);
            await calls.Of(0).ApplyCatalogAsync(cluster.AdminKey, catalog);
            return calls;
        }

        public SiloCalls Of(int number) => all[number % all.Length];

        public void Dispose()
        {
            foreach (SiloCalls silo in all) silo.Dispose();
        }
    }
}
