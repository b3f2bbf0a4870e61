using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Entities;
using AgentBudget.Grains.Tests.Support;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using State = AgentBudget.Protocol.V1.Session.Types.State;

namespace AgentBudget.Grains.Tests;

/// <summary>Sessions, agents, use cases and business units as grains: an address, and no second truth.</summary>
public sealed class EntityTests
{
    private static readonly EntityKey Writer = new(Acme.Tenant, "agents/writer");

    [Fact]
    public async Task What_names_one_entity_goes_to_its_grain_beside_its_tenant_from_any_silo()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        await Acme.BeginAsync(cluster.Silos[0]);
        ClusterSilo home = cluster.HomeOf(cluster.TenantGrain())!;
        foreach (ClusterSilo silo in cluster.Silos)
        {
            Answer opened = await AskAsync(silo, Acme.Open($"by-{silo.Address}"));
            long number = opened.Event!.Sequence;
            Answer found = await AskAsync(silo, new SessionQuery(number));
            Answer balance = await AskAsync(silo, new BalanceQuery(0, Acme.UseCase));

            Assert.Equal(State.Open, ((GetSessionResponse)found.View!).Session.State);
            Assert.Equal(Acme.UseCase, ((GetBalanceResponse)balance.View!).Grains[0].Grain);
            foreach (string name in (string[])["agents/writer", Names.Session(number), Acme.UseCase])
            {
                IEntityGrain grain = new EntityKey(Acme.Tenant, name).Grain(silo.Grains)!;
                Assert.Same(home, cluster.HomeOf(grain));
            }
        }
    }

    [Fact]
    public async Task An_entity_that_nobody_has_and_one_that_has_ended_leave_memory()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup { Silos = 1 });
        ClusterSilo silo = cluster.Silos[0];
        long session = (await Acme.BeginAsync(silo))[0];
        EntityKey nobody = new(Acme.Tenant, "agents/nobody");
        ISessionGrain ended = silo.Grains.GetGrain<ISessionGrain>($"{Acme.Tenant}/{Names.Session(session)}");

        Reply unknown = await nobody.Grain(silo.Grains)!.Ask(new BalanceQuery(0, nobody.Name));
        Assert.NotEqual(Ledger.Outcome.Done, unknown.Answer.Outcome);
        await AskAsync(silo, new EndSessionCommand(session, new EndSessionRequest { RequestId = "end" }, "admin"));
        await ended.Ask(new SessionQuery(session));
        await ended.Ask(new RevokeSessionCommand(
            session, new RevokeSessionRequest { RequestId = "late", Reason = "over" }, "admin"));

        await Waiting.UntilAsync(() => cluster.HomeOf(nobody.Grain(silo.Grains)!) is null, "the end of nobody's grain");
        await Waiting.UntilAsync(() => cluster.HomeOf(ended) is null, "the end of the session's grain");
    }

    [Fact]
    public async Task A_grain_carries_nothing_that_is_about_another_entity()
    {
        await using TestCluster cluster = await TestCluster.StartAsync(new ClusterSetup { Silos = 1 });
        ClusterSilo silo = cluster.Silos[0];
        long session = (await Acme.BeginAsync(silo))[0];
        ISessionGrain grain = silo.Grains.GetGrain<ISessionGrain>($"{Acme.Tenant}/{Names.Session(session)}");
        Command[] foreign = [new SessionQuery(session + 1), new BalanceQuery(0, Writer.Name), new CatalogQuery()];

        foreach (Command command in foreign)
            await Assert.ThrowsAsync<ArgumentException>(() => grain.Ask(command));
        await Assert.ThrowsAsync<ArgumentException>(() => grain.Ask(Acme.Reserve(session, "r")));
        await Assert.ThrowsAsync<ArgumentException>(
            () => grain.Spend(new TurnBatch([Acme.Reserve(session, "r"), Acme.Reserve(session + 1, "s")])));
        Assert.Equal(0, (await Acme.BalanceAsync(silo, session)).Grains[0].HeldTokens);
    }

    [Fact]
    public async Task Spends_inside_the_cluster_are_decided_in_their_order_and_never_beyond_the_cap()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long session = (await Acme.BeginAsync(cluster.Silos[0], limitNanos: 10 * Acme.CallNanos))[0];
        ISessionGrain[] grains = [.. cluster.Silos.Select(
            silo => silo.Grains.GetGrain<ISessionGrain>($"{Acme.Tenant}/{Names.Session(session)}"))];

        TurnReplies[] replies = await Task.WhenAll(grains.Select((grain, at) => grain.Spend(new TurnBatch(
            [.. Enumerable.Range(0, 20).Select(call => Acme.Reserve(session, $"{at}-{call}"))]))));

        int granted = replies.Sum(
            some => some.Replies.Count(reply => reply.Answer.Event!.ReservationHeld is not null));
        Assert.Equal(10, granted);
        foreach (TurnReplies some in replies)
        {
            int[] refused = [.. Enumerable.Range(0, 20).Where(
                call => some.Replies[call].Answer.Event!.ReservationHeld is null)];
            Assert.Equal(Enumerable.Range(20 - refused.Length, refused.Length), refused);
        }

        await cluster.AuditAsync();
    }

    [Fact]
    public async Task A_watched_session_tells_its_end_on_every_silo_through_a_hand_over()
    {
        await using TestCluster cluster = await TestCluster.StartAsync();
        long session = (await Acme.BeginAsync(cluster.Silos[0]))[0];
        using CancellationTokenSource patience = new(TimeSpan.FromSeconds(60));
        List<WatchSessionResponse>[] seen = [.. cluster.Silos.Select(_ => new List<WatchSessionResponse>())];
        Task[] watches = [.. cluster.Silos.Select((silo, at) => FollowAsync(silo, session, seen[at], patience.Token))];
        await Waiting.UntilAsync(() => seen.All(states => states.Count > 0), "the first state on each silo");

        await Acme.DoneAsync(cluster.Silos[0], Acme.Reserve(session, "before"));
        ClusterSilo other = cluster.AnotherThan(cluster.HomeOf(cluster.TenantGrain())!);
        await cluster.MigrateAsync(cluster.TenantGrain(), other);
        await Acme.DoneAsync(cluster.Silos[0], Acme.Reserve(session, "after"));
        await AskAsync(cluster.Silos[0], new RevokeSessionCommand(
            session, new RevokeSessionRequest { RequestId = "revoke", Reason = "lost" }, "admin"));

        await Waiting.WithinAsync(Task.WhenAll(watches), "the end of the watches");
        Assert.All(seen, states => Assert.Equal(State.Revoked, states[^1].Session.State));
        Assert.All(seen, states => Assert.All(states[..^1], state => Assert.Equal(State.Open, state.Session.State)));
    }

    [Fact]
    public void Commands_about_one_entity_name_it_and_spends_take_the_lane()
    {
        ExtendBudgetCommand extend = new(new ExtendBudgetRequest { Grain = "businessUnits/marketing" }, "admin");
        Assert.Equal(Writer, EntityKey.Of(Acme.Tenant, Acme.Open("open")));
        Assert.Equal(new EntityKey(Acme.Tenant, "sessions/s17"), EntityKey.Of(Acme.Tenant, new SessionQuery(17)));
        Assert.Equal(new EntityKey(Acme.Tenant, "businessUnits/marketing"), EntityKey.Of(Acme.Tenant, extend));
        Assert.Null(EntityKey.Of(Acme.Tenant, Acme.Reserve(17, "r")));
        Assert.Null(EntityKey.Of(Acme.Tenant, new BalanceQuery(17, "")));
        Assert.Null(EntityKey.Of(Acme.Tenant, new CatalogQuery()));
        Assert.Equal(Writer, EntityKey.Parse(Writer.ToString()));
    }

    private static async Task FollowAsync(
        ClusterSilo silo, long session, List<WatchSessionResponse> seen, CancellationToken cancellationToken)
    {
        await foreach (Reply reply in silo.Host.WatchSessionAsync(Acme.Tenant, session, cancellationToken))
        {
            Assert.Null(reply.Fault);
            seen.Add((WatchSessionResponse)reply.Answer.View!);
        }
    }

    private static async Task<Answer> AskAsync(ClusterSilo silo, Command command)
    {
        Task<Answer> asked = silo.Host.SubmitAsync(Acme.Tenant, command).AsTask();
        Answer answer = await Waiting.WithinAsync(asked, $"an answer to {command.GetType().Name}");
        Assert.Equal(Ledger.Outcome.Done, answer.Outcome);
        return answer;
    }
}
