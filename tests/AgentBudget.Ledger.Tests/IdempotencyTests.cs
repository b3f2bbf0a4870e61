using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

public sealed class IdempotencyTests
{
    private const string Same = "same";

    /// <summary>
    /// Every mutation by name: sends it with the key <see cref="Same"/>, with one content or another.
    /// </summary>
    public static TheoryData<string> Mutations =>
        ["reserve", "refused", "commit", "release", "open", "renew", "end", "revoke", "apply", "extend"];

    [Theory]
    [MemberData(nameof(Mutations))]
    public void The_same_request_id_has_one_effect_and_one_answer(string mutation)
    {
        Scene scene = new();
        Answer first = scene.Send(mutation, hasOtherContent: false);
        byte[] after = scene.Fixture.Ledger.Snapshot();

        Answer second = scene.Send(mutation, hasOtherContent: false);
        scene.Fixture.Restart();
        Answer third = scene.Send(mutation, hasOtherContent: false);

        Assert.Equal(Outcome.Done, first.Outcome);
        Assert.Equal(0, first.DuplicateOf);
        Assert.Equal(first.Event!.Sequence, second.DuplicateOf);
        Assert.Same(first.Event, second.Event);
        Assert.Same(first.Event, third.Event);
        Assert.Equal(after, scene.Fixture.Ledger.Snapshot());
    }

    [Theory]
    [MemberData(nameof(Mutations))]
    public void The_same_request_id_with_other_content_is_a_reused_key_and_has_no_effect(string mutation)
    {
        Scene scene = new();
        scene.Send(mutation, hasOtherContent: false);
        byte[] after = scene.Fixture.Ledger.Snapshot();

        Answer reused = scene.Send(mutation, hasOtherContent: true);
        Answer again = scene.Send(mutation, hasOtherContent: false);

        Assert.Equal(Outcome.KeyReused, reused.Outcome);
        Assert.Null(reused.Event);
        Assert.True(again.DuplicateOf > 0);
        Assert.Equal(after, scene.Fixture.Ledger.Snapshot());
    }

    [Fact]
    public void A_refusal_answers_the_same_again_even_when_there_is_room_by_then()
    {
        var fixture = new LedgerFixture(catalog =>
            catalog.Agents[0].Budget = new Protocol.V1.Budget { Limit = Catalogs.Dollars(0.006m) });
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        Answer refused = fixture.Reserve(session, request => request.RequestId = Same);
        fixture.Release(session, reservation);

        Assert.Same(refused.Event, fixture.Reserve(session, request => request.RequestId = Same).Event);
        fixture.Hold(session);
    }

    [Fact]
    public void A_key_is_scoped_to_its_session_and_operation()
    {
        var fixture = new LedgerFixture();
        long first = fixture.Open(request => request.RequestId = Same);
        long second = fixture.Open();

        Answer held = fixture.Reserve(first, request => request.RequestId = Same);
        Answer heldBySecond = fixture.Reserve(second, request =>
        {
            request.RequestId = Same;
            request.Model = LedgerFixture.Sonnet;
        });
        Answer settled = fixture.Commit(first, held.Event!.Sequence, 1, 1, request => request.RequestId = Same);
        Answer released = fixture.Release(
            second, heldBySecond.Event!.Sequence, request => request.RequestId = Same);
        Answer ended = fixture.End(first, request => request.RequestId = Same);
        Answer revoked = fixture.Revoke(second, request => request.RequestId = Same);

        Assert.All(
            new[] { held, heldBySecond, settled, released, ended, revoked },
            answer => Assert.Equal((Outcome.Done, 0), (answer.Outcome, answer.DuplicateOf)));
    }

    [Fact]
    public void A_key_lives_as_long_as_its_session_and_24_hours_more()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Agents[0].SessionTtl = new() { Seconds = 10 * 86_400 };
            catalog.Agents[0].SessionLifetime = new() { Seconds = 10 * 86_400 };
        });
        long session = fixture.Open();
        Answer held = fixture.Reserve(session, request => request.RequestId = Same);
        fixture.Advance(10 * LedgerFixture.Day);
        fixture.Restart();
        fixture.Advance(30 * LedgerFixture.Second);

        fixture.Sleep(LedgerFixture.Day - 1);
        Assert.Same(held.Event, fixture.Reserve(session, request => request.RequestId = Same).Event);
        fixture.Sleep(1);
        Assert.Equal(Outcome.SessionNotFound, fixture.Reserve(session, request => request.RequestId = Same).Outcome);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_key_of_OpenSession_lives_24_hours_and_is_new_after_them(bool isRestarted)
    {
        var fixture = new LedgerFixture();
        Answer first = fixture.TryOpen(request => request.RequestId = Same);
        fixture.Advance(LedgerFixture.Day);
        if (isRestarted) fixture.Restart();
        Assert.Same(first.Event, fixture.TryOpen(request => request.RequestId = Same).Event);

        fixture.Advance(1);
        if (isRestarted) fixture.Restart();
        Answer second = fixture.TryOpen(request =>
        {
            request.RequestId = Same;
            request.Task = "another";
        });

        Assert.Equal((Outcome.Done, 0), (second.Outcome, second.DuplicateOf));
        Assert.NotEqual(first.Event!.Sequence, second.Event!.Sequence);
        Assert.Same(second.Event, fixture.TryOpen(request =>
        {
            request.RequestId = Same;
            request.Task = "another";
        }).Event);
    }

    [Fact]
    public void The_memory_of_keys_follows_the_last_24_hours_and_not_history()
    {
        var log = new Requests.RequestLog();
        const long PerDay = 1000;
        long time = 0;
        for (long request = 1; request <= 100 * PerDay; request++)
        {
            time += LedgerFixture.Day / PerDay;
            log.Add(
                Requests.RequestKey.For(Requests.Operation.Open, request), default, request, time,
                time - Requests.RequestLog.RetentionNanos);
        }

        Assert.InRange(log.Capacity, PerDay, 8 * PerDay);
        Assert.InRange(log.Count, PerDay, 4 * PerDay);
    }

    [Fact]
    public void Tags_in_another_order_are_the_same_content()
    {
        var fixture = new LedgerFixture(catalog =>
        {
            catalog.Tags["a"] = new TagRule();
            catalog.Tags["b"] = new TagRule();
        });
        long session = fixture.Open();
        Answer first = fixture.Reserve(session, request =>
        {
            request.RequestId = Same;
            request.Tags["a"] = "1";
            request.Tags["b"] = "2";
        });
        Answer second = fixture.Reserve(session, request =>
        {
            request.RequestId = Same;
            request.Tags["b"] = "2";
            request.Tags["a"] = "1";
        });
        Answer other = fixture.Reserve(session, request =>
        {
            request.RequestId = Same;
            request.Tags["a"] = "2";
            request.Tags["b"] = "1";
        });

        Assert.Same(first.Event, second.Event);
        Assert.Equal(Outcome.KeyReused, other.Outcome);
    }

    [Fact]
    public void Every_field_of_a_reserve_is_content()
    {
        Action<ReserveTokensRequest>[] changes =
        [
            request => request.Model = LedgerFixture.Sonnet,
            request => request.Estimate.InputTokens++,
            request => request.Estimate.MaxOutputTokens++,
            request => request.Estimate.CacheReadTokens++,
            request => request.Estimate.CacheWrite5MTokens++,
            request => request.Estimate.CacheWrite1HTokens++,
            request => request.Estimate.ReasoningTokens++,
            request => request.Estimate.InputAudioTokens++,
            request => request.Estimate.OutputAudioTokens++,
            request => request.Estimate.InputImageTokens++,
            request => request.Tool = "crm.read",
            request => request.Tags["a"] = "1",
            request => request.Ttl = new() { Seconds = 600 },
            request => request.OnExpiry = OnExpiry.Charge,
            request => request.ServiceTier = ServiceTier.Batch,
        ];
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        fixture.Reserve(session, request => request.RequestId = Same);

        Assert.All(changes, change => Assert.Equal(Outcome.KeyReused, fixture.Reserve(session, request =>
        {
            request.RequestId = Same;
            change(request);
        }).Outcome));
    }

    /// <summary>A ledger in which every mutation has something to act on.</summary>
    private sealed class Scene
    {
        private readonly long _session;
        private readonly long _reservation;
        private readonly Catalog _catalog;

        public Scene()
        {
            Fixture = new LedgerFixture();
            _session = Fixture.Open();
            _reservation = Fixture.Hold(_session);
            _catalog = Catalogs.Acme();
            _catalog.UseCases[0].Class = "changed";
        }

        public LedgerFixture Fixture { get; }

        public Answer Send(string mutation, bool hasOtherContent)
        {
            long one = hasOtherContent ? 2 : 1;
            return mutation switch
            {
                "reserve" => Fixture.Reserve(_session, request =>
                {
                    request.RequestId = Same;
                    request.Estimate.InputTokens = one;
                }),
                "refused" => Fixture.Reserve(_session, request =>
                {
                    request.RequestId = Same;
                    request.Model = $"unknown-{one}";
                }),
                "commit" => Fixture.Commit(_session, _reservation, one, 1, request => request.RequestId = Same),
                "release" => Fixture.Release(_session, _reservation, request =>
                {
                    request.RequestId = Same;
                    request.Reason = $"reason {one}";
                }),
                "open" => Fixture.TryOpen(request =>
                {
                    request.RequestId = Same;
                    request.Task = $"task {one}";
                }),
                "renew" => Fixture.Renew(_session, 60 * one, request => request.RequestId = Same),
                "end" => Fixture.End(_session, request =>
                {
                    request.RequestId = Same;
                    request.Outcome.Metrics["quotes"] = one;
                }),
                "revoke" => Fixture.Revoke(_session, request =>
                {
                    request.RequestId = Same;
                    request.Reason = $"reason {one}";
                }),
                "apply" => Fixture.Apply(_catalog, request =>
                {
                    request.RequestId = Same;
                    request.Document = $"document {one}";
                }),
                "extend" => Fixture.Extend("useCases/promo", amount: one, change: request => request.RequestId = Same),
                _ => throw new ArgumentOutOfRangeException(nameof(mutation), mutation, "is no mutation"),
            };
        }
    }

    [Fact]
    public void A_default_that_is_spelled_out_is_the_same_content()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        Answer first = fixture.Reserve(session, request => request.RequestId = "same");

        Answer again = fixture.Reserve(session, request =>
        {
            request.RequestId = "same";
            request.OnExpiry = OnExpiry.Refund;
            request.ServiceTier = ServiceTier.Standard;
        });

        Assert.Equal(Outcome.Done, again.Outcome);
        Assert.Same(first.Event, again.Event);
    }
}
