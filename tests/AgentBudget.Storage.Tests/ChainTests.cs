using AgentBudget.Storage.Journal;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

/// <summary>A changed journal is seen, and the place is named.</summary>
public sealed class ChainTests
{
    private readonly StoredGroup[] _groups;

    public ChainTests()
    {
        JournalHead head = JournalHead.Empty;
        var groups = new List<StoredGroup>();
        for (int i = 0; i < 4; i++)
        {
            using JournalGroup group = Group(head, epoch: 1 + i, $"event {i}", "more");
            groups.Add(group.ToStored());
            head = group.Head;
        }

        _groups = [.. groups];
    }

    [Fact]
    public void An_untouched_chain_verifies() => Assert.Equal(_groups[3].Hash, Verify(_groups).Hash);

    [Fact]
    public void The_hash_is_that_of_the_previous_hash_and_the_body()
    {
        byte[] previous = new byte[ChainHash.Length];
        _groups[1].PreviousHash.CopyTo(previous);
        byte[] expected = System.Security.Cryptography.SHA256.HashData([.. previous, .. _groups[1].Body.Span]);
        Assert.Equal(new ChainHash(expected), _groups[1].Hash);
        Assert.Equal(Convert.ToHexStringLower(expected), _groups[1].Hash.ToString());
    }

    [Fact]
    public void Any_edited_bit_of_a_body_is_seen_and_its_group_is_named()
    {
        for (int bit = 0; bit < _groups[2].Body.Length * 8; bit++)
        {
            byte[] body = _groups[2].Body.ToArray();
            body[bit / 8] ^= (byte)(1 << (bit % 8));
            AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { Body = body }, _groups[3]]);
        }
    }

    [Fact]
    public void A_changed_column_is_seen_and_its_group_is_named()
    {
        AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { Sequence = 4 }]);
        AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { Epoch = 1 }]);
        AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { Epoch = 9 }]);
        AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { FirstEvent = 6 }]);
        AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { Events = 3 }]);
        AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { Events = 0 }]);
        AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { Hash = _groups[1].Hash }]);
        AssertDamage(3, [_groups[0], _groups[1], _groups[2] with { PreviousHash = _groups[0].Hash }]);
    }

    [Fact]
    public void An_epoch_that_goes_back_is_seen_even_where_the_hashes_fit()
    {
        using JournalGroup late = Group(Verify(_groups) with { Epoch = 1 }, epoch: 1, "written by a former owner");
        AssertDamage(5, [.. _groups, late.ToStored()]);
    }

    [Fact]
    public void A_missing_a_repeated_and_a_swapped_group_is_seen()
    {
        AssertDamage(2, [_groups[0], _groups[2], _groups[3]]);
        AssertDamage(2, [_groups[0], _groups[0]]);
        AssertDamage(2, [_groups[0], _groups[2], _groups[1]]);
        AssertDamage(1, [_groups[1]]);
    }

    [Fact]
    public void A_truncated_chain_does_not_end_at_the_head()
    {
        var verifier = new ChainVerifier(Tenant, JournalHead.Empty);
        verifier.Accept(_groups[0]);
        JournalHead expected = Verify(_groups);
        var damage = Assert.Throws<JournalDamagedException>(() => verifier.Finish(expected));
        Assert.Equal(2, damage.Sequence);
    }

    [Fact]
    public void A_group_of_another_tenant_is_seen()
    {
        using JournalGroup foreign = Group("other", JournalHead.Empty, epoch: 1, "event");
        AssertDamage(1, [foreign.ToStored()]);
    }

    [Fact]
    public void A_forged_group_whose_columns_differ_from_its_body_is_seen()
    {
        AssertDamage(1, [_groups[0] with { Epoch = 7 }]);
        AssertDamage(1, [_groups[0] with { Events = 1 }]);
    }

    [Fact]
    public void An_unknown_format_is_named_and_not_skipped()
    {
        byte[] body = _groups[0].Body.ToArray();
        body[0] = 2;
        StoredGroup forged = _groups[0] with { Body = body, Hash = ChainHash.Of(ChainHash.Zero, body) };
        var damage = Assert.Throws<JournalDamagedException>(() => Verify([forged]));
        Assert.Contains("format number 2", damage.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Events_that_do_not_fill_the_body_are_seen()
    {
        byte[] body = _groups[0].Body.ToArray();
        Assert.Throws<JournalDamagedException>(
            () => (_groups[0] with { Body = body.AsMemory(0, body.Length - 1) }).ReadEvents(Tenant));
        Assert.Throws<JournalDamagedException>(
            () => (_groups[0] with { Body = (byte[])[.. body, 0] }).ReadEvents(Tenant));
    }

    [Fact]
    public void A_group_sealed_again_has_the_same_events_under_the_new_epoch()
    {
        using JournalGroup group = Group(JournalHead.Empty, epoch: 1, "a", "b");
        ChainHash first = group.Hash;
        group.Seal(JournalHead.Empty, epoch: 2);
        Assert.NotEqual(first, group.Hash);
        Assert.Equal(["a", "b"], Texts([group.ToStored()]));
        Assert.Equal(2, Verify([group.ToStored()]).Epoch);
    }

    [Fact]
    public void A_group_is_reused_without_a_trace_of_the_one_before()
    {
        using JournalGroup group = Group(JournalHead.Empty, epoch: 1, new string('x', 5_000_000));
        group.Reset();
        "b"u8.CopyTo(group.AddEvent(1));
        group.Seal(JournalHead.Empty, epoch: 1);
        using JournalGroup fresh = Group(JournalHead.Empty, epoch: 1, "b");
        Assert.Equal(fresh.Hash, group.Hash);
    }

    private static void AssertDamage(long sequence, StoredGroup[] groups)
    {
        var damage = Assert.Throws<JournalDamagedException>(() => Verify(groups));
        Assert.Equal(sequence, damage.Sequence);
        Assert.Contains($"'{Tenant}' is damaged at group {sequence}", damage.Message, StringComparison.Ordinal);
    }
}
