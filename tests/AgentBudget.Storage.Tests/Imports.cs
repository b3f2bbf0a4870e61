using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

/// <summary>What every store that takes journals from another promises.</summary>
internal static class Imports
{
    public static async Task AssertKeptAsync<TStore>(TStore store)
        where TStore : ILedgerStore, IJournalImport
    {
        IReadOnlyList<StoredGroup> journal = await MakeAsync();
        Assert.True(await store.ImportAsync(Tenant, [.. journal.Take(2)], default));
        long epoch = await store.AcquireAsync();
        Assert.True(epoch > journal[1].Epoch);
        Assert.True(await store.ImportAsync(Tenant, [.. journal.Skip(2)], default));

        IReadOnlyList<StoredGroup> read = await store.ReadAsync();
        Assert.Equal(journal.Select(group => group.Hash), read.Select(group => group.Hash));
        Assert.Equal(journal.Select(group => group.Epoch), read.Select(group => group.Epoch));
        JournalHead head = Verify(read);
        using JournalGroup fenced = Group(head, Math.Max(epoch, head.Epoch), "of a former owner");
        Assert.Equal(AppendOutcome.FenceLost, await store.AppendAsync(fenced));
        await store.AppendedAsync(head, await store.AcquireAsync(), "goes on");
    }

    public static async Task AssertWholeOrNotAtAllAsync<TStore>(TStore store)
        where TStore : ILedgerStore, IJournalImport
    {
        IReadOnlyList<StoredGroup> journal = await MakeAsync();
        Assert.False(await store.ImportAsync(Tenant, [journal[0], journal[2]], default));
        Assert.Equal(JournalHead.Empty, await store.HeadAsync());
        Assert.True(await store.ImportAsync(Tenant, [journal[0]], default));
        Assert.False(await store.ImportAsync(Tenant, [journal[0]], default));
        Assert.False(await store.ImportAsync(
            Tenant, [journal[1] with { PreviousHash = ChainHash.Of("other"u8) }], default));
        Assert.Single(await store.ReadAsync());
    }

    // Three groups of three owners.
    private static async Task<IReadOnlyList<StoredGroup>> MakeAsync()
    {
        await using InMemoryStore source = new();
        JournalHead head = JournalHead.Empty;
        foreach (string text in (string[])["a", "b", "c"])
        {
            await source.AcquireAsync();
            head = await source.AppendedAsync(head, await source.AcquireAsync(), text, text);
        }

        return await source.ReadAsync();
    }
}
