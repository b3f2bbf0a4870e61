using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tests;

/// <summary>Whose a request id is, and how the content of a repeated request is compared.</summary>
public sealed class RequestOwnerTests
{
    private const string Same = "same";
    private const string Alpha = "agents/writer credentials/c5";
    private const string Beta = "agents/other credentials/c6";
    private const string Gateway = "gateways/edge";
    private const string Agent = "agents/writer";

    [Fact]
    public void The_same_id_and_content_of_two_principals_open_two_sessions()
    {
        var fixture = new LedgerFixture();
        Answer alphas = fixture.TryOpen(request => request.RequestId = Same, Alpha);
        Answer betas = fixture.TryOpen(request => request.RequestId = Same, Beta);

        Assert.Equal((Outcome.Done, 0), (betas.Outcome, betas.DuplicateOf));
        Assert.NotEqual(alphas.Event!.Sequence, betas.Event!.Sequence);
        Assert.Same(alphas.Event, fixture.TryOpen(request => request.RequestId = Same, Alpha).Event);
        Assert.Same(betas.Event, fixture.TryOpen(request => request.RequestId = Same, Beta).Event);
    }

    [Fact]
    public void A_used_id_of_another_principal_is_like_a_free_one()
    {
        var fixture = new LedgerFixture();
        fixture.TryOpen(request => request.RequestId = Same, Alpha);

        Answer used = fixture.TryOpen(request => (request.RequestId, request.Task) = (Same, "other"), Beta);
        Answer free = fixture.TryOpen(request => (request.RequestId, request.Task) = ("free", "other"), Beta);

        Assert.Equal((free.Outcome, free.DuplicateOf), (used.Outcome, used.DuplicateOf));
        Assert.Equal(Outcome.Done, used.Outcome);
    }

    [Fact]
    public void An_id_stays_its_principals_when_the_credential_is_rotated_and_after_a_restart()
    {
        var fixture = new LedgerFixture();
        Answer opened = fixture.TryOpen(request => request.RequestId = Same, Alpha);
        fixture.Restart();

        Answer again = fixture.TryOpen(request => request.RequestId = Same, "agents/writer credentials/c99");

        Assert.Same(opened.Event, again.Event);
    }

    [Fact]
    public void An_id_of_two_sessions_that_open_subagents_by_their_own_tokens_is_two_requests()
    {
        var fixture = new LedgerFixture();
        long first = fixture.Open();
        long second = fixture.Open();

        Answer child = OpenBelow(first);
        Answer other = OpenBelow(second);

        Assert.Equal((Outcome.Done, 0), (other.Outcome, other.DuplicateOf));
        fixture.Restart();
        Assert.Same(child.Event, OpenBelow(first).Event);
        Assert.Same(other.Event, OpenBelow(second).Event);

        Answer OpenBelow(long parent) => fixture.Send(new OpenSessionCommand(
            new OpenSessionRequest { RequestId = Same, Task = "search" }, $"sessions/s{parent}", parent));
    }

    [Theory]
    [InlineData("reserve")]
    [InlineData("commit")]
    [InlineData("release")]
    [InlineData("amend")]
    public void The_same_id_of_a_gateway_and_of_an_agent_in_one_session_are_two_requests(string operation)
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long gateways = fixture.Hold(session, principal: Gateway);
        long agents = fixture.Hold(session, principal: Agent);

        Answer first = Send(Gateway, gateways);
        Answer second = Send(Agent, agents);

        Assert.Equal((Outcome.Done, 0), (first.Outcome, first.DuplicateOf));
        Assert.Equal((Outcome.Done, 0), (second.Outcome, second.DuplicateOf));
        Assert.Same(first.Event, Send(Gateway, gateways).Event);
        Assert.Same(second.Event, Send(Agent, agents).Event);

        Answer Send(string principal, long reservation) => operation switch
        {
            "reserve" => fixture.Reserve(session, request => request.RequestId = Same, principal),
            "commit" => fixture.Commit(session, reservation, 1, 1, request => request.RequestId = Same, principal),
            "release" => fixture.Release(session, reservation, request => request.RequestId = Same, principal),
            _ => fixture.Amend(
                session, reservation, request => (request.RequestId, request.Ttl) = (Same, new() { Seconds = 9 }),
                principal),
        };
    }

    [Fact]
    public void Content_made_to_have_the_short_hash_of_other_content_is_other_content()
    {
        const string task = "read the plan"; // Its first eight characters are replaced.
        string forged = Forge(task, "take");
        Assert.NotEqual(task, forged);
        Assert.Equal(new Fingerprint(0).Add(task).Value, new Fingerprint(0).Add(forged).Value);
        var fixture = new LedgerFixture();
        fixture.TryOpen(request => (request.RequestId, request.Task) = (Same, task), Alpha);

        Answer answer = fixture.TryOpen(request => (request.RequestId, request.Task) = (Same, forged), Alpha);

        Assert.Equal(Outcome.KeyReused, answer.Outcome);
    }

    [Fact]
    public void Tags_and_items_are_whole_content_and_in_any_order_the_same()
    {
        var fixture = new LedgerFixture(catalog => catalog.Skus.Add(
            [new Sku { Id = "a", Unit = "a", Cost = Catalogs.Dollars(0.001m) },
             new Sku { Id = "b", Unit = "b", Cost = Catalogs.Dollars(0.001m) }]));
        long session = fixture.Open();
        Answer held = Ask(("a", 1), ("b", 2));

        Assert.Same(held.Event, Ask(("b", 2), ("a", 1)).Event);
        Assert.Equal(Outcome.KeyReused, Ask(("a", 2), ("b", 1)).Outcome);
        Assert.Equal(Outcome.KeyReused, Ask(("a", 1), ("b", 3)).Outcome);

        Answer Ask(params (string Sku, long Count)[] items) => fixture.Reserve(session, request =>
        {
            request.RequestId = Same;
            foreach ((string sku, long count) in items)
                request.Estimate.Items.Add(new CountedItem { Sku = sku, Count = count });
        });
    }

    [Fact]
    public void Requests_of_a_journal_without_principals_and_with_short_hashes_keep_their_answers()
    {
        var fixture = new LedgerFixture();
        long session = fixture.Open(request => request.RequestId = Same);
        Answer held = fixture.Reserve(session, request => request.RequestId = Same);
        var ledger = new TenantLedger("acme");
        foreach (LedgerEvent written in fixture.Journal) ledger.Apply(AsFormerRelease(written));

        Assert.Equal(held.Event!.Sequence, Ask(request => request.Model = LedgerFixture.Haiku).DuplicateOf);
        Assert.Equal(Outcome.KeyReused, Ask(request => request.Model = LedgerFixture.Sonnet).Outcome);
        TenantLedger restored = TenantLedger.Restore("acme", ledger.Snapshot());
        ledger = restored;
        Assert.Equal(held.Event.Sequence, Ask(request => request.Model = LedgerFixture.Haiku).DuplicateOf);

        Answer Ask(Action<ReserveTokensRequest> change)
        {
            var request = new ReserveTokensRequest
            {
                RequestId = Same,
                Estimate = new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 },
            };
            change(request);
            return ledger.Handle(new ReserveCommand(session, request, Gateway), fixture.Now, []);
        }
    }

    [Theory]
    [InlineData(3)]
    [InlineData(100_000)] // More than is kept between two requests.
    public void Requests_of_a_journal_whose_contents_were_hashed_as_they_are_keep_their_answers(int chars)
    {
        string reason = new('x', chars);
        var fixture = new LedgerFixture();
        long session = fixture.Open();
        long reservation = fixture.Hold(session);
        LedgerEvent released = fixture.Send(Release(reason)).Event!;
        LedgerEvent former = released.Clone();
        former.RequestHash = FormerHashOf((long)Operation.Release, reservation, reason);
        Assert.NotEqual(former.RequestHash, released.RequestHash);
        var ledger = new TenantLedger("acme");
        foreach (LedgerEvent written in fixture.Journal)
            ledger.Apply(written.Sequence == released.Sequence ? former : written);

        Assert.Equal(released.Sequence, ledger.Handle(Release(reason), fixture.Now, []).DuplicateOf);
        Assert.Equal(Outcome.KeyReused, ledger.Handle(Release(reason + "y"), fixture.Now, []).Outcome);

        ReleaseCommand Release(string why) =>
            new(session, reservation, new ReleaseTokensRequest { RequestId = Same, Reason = why });
    }

    [Fact]
    public void No_two_contents_are_packed_alike()
    {
        var random = new Random(21);
        for (int round = 0; round < 10_000; round++)
        {
            var bytes = new byte[random.Next(random.Next(2) == 0 ? 80 : 6000)];
            for (int place = 0; place < bytes.Length; place++)
                if (random.Next(round % 7 * 10) < 3) bytes[place] = (byte)random.Next(256);
            var packed = new byte[ContentBytes.PackedMax(bytes.Length)];

            int count = ContentBytes.Pack(bytes, packed);

            Assert.Equal(bytes, Unpack(packed.AsSpan(0, count)));
        }
    }

    private static byte[] Unpack(ReadOnlySpan<byte> packed)
    {
        int count = BinaryPrimitives.ReadInt32LittleEndian(packed[^sizeof(int)..]);
        var bytes = new List<byte>();
        for (int place = 0; place < packed.Length - sizeof(int);)
        {
            int tag = packed[place++];
            if (tag == 0) bytes.AddRange(new byte[sizeof(long) * (1 + packed[place++])]);
            for (int bit = 0; tag != 0 && bit < sizeof(long); bit++)
                bytes.Add((tag >> bit & 1) == 0 ? (byte)0 : packed[place++]);
        }

        Assert.InRange(bytes.Count - count, 0, sizeof(long) - 1);
        Assert.All(bytes[count..], filling => Assert.Equal(0, filling));
        return [.. bytes[..count]];
    }

    private static RequestHash FormerHashOf(long operation, long number, string text)
    {
        var bytes = new List<byte>();
        foreach (long value in (long[])[operation, number, text.Length]) bytes.AddRange(BitConverter.GetBytes(value));
        bytes.AddRange(Encoding.Unicode.GetBytes(text));
        byte[] hash = SHA256.HashData([.. bytes]);
        return new RequestHash
        {
            First = BitConverter.ToUInt64(hash, 0),
            Second = BitConverter.ToUInt64(hash, 8),
            Third = BitConverter.ToUInt64(hash, 16),
            Fourth = BitConverter.ToUInt64(hash, 24),
        };
    }

    // As it was written before: the fingerprint alone, and no principal beside the actor.
    private static LedgerEvent AsFormerRelease(LedgerEvent written)
    {
        LedgerEvent former = written.Clone();
        former.Principal = "";
        former.RequestHash = null;
        former.RequestFingerprint = former.ReservationHeld is null ? 1 : FormerFingerprint();
        return former;
    }

    private static ulong FormerFingerprint() => new Fingerprint((ulong)Operation.Reserve)
        .Add(LedgerFixture.Haiku)
        .Add(new TokenEstimate { InputTokens = 1000, MaxOutputTokens = 1000 })
        .Add("")
        .Add(0L)
        .Add((Google.Protobuf.WellKnownTypes.Duration?)null)
        .Add((long)OnExpiry.Refund)
        .Add((long)ServiceTier.Standard)
        .Add("")
        .Add("")
        .Value;

    // The short hash takes four characters a step, and each step can be undone: another beginning, and then the four
    // characters that lead back to where the hash would have been.
    private static string Forge(string text, string beginning)
    {
        ulong honest = Step(Step(0, (ulong)text.Length), Pack(text));
        ulong other = Step(Step(0, (ulong)text.Length), Pack(beginning));
        ulong back = honest ^ other ^ Pack(text[4..]);
        string four = new(
            [(char)(ushort)back, (char)(ushort)(back >> 16), (char)(ushort)(back >> 32), (char)(ushort)(back >> 48)]);
        return beginning + four + text[8..];
    }

    private static ulong Step(ulong state, ulong value)
    {
        const ulong multiplier = 0xA409_3822_299F_31D1;
        ulong high = Math.BigMul(state ^ value ^ multiplier, multiplier, out ulong low);
        return (high ^ low) + 0x082E_FA98_EC4E_6C89;
    }

    private static ulong Pack(string text) =>
        text[0] | ((ulong)text[1] << 16) | ((ulong)text[2] << 32) | ((ulong)text[3] << 48);
}
