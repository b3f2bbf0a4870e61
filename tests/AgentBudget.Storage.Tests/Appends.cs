using System.Text;
using AgentBudget.Storage.Journal;
using AgentBudget.Storage.Snapshots;

namespace AgentBudget.Storage.Tests;

/// <summary>Short forms of what the tests do with a store.</summary>
internal static class Appends
{
    public const string Tenant = "acme";

    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    public static JournalGroup Group(JournalHead previous, long epoch, params string[] events) =>
        Group(Tenant, previous, epoch, events);

    public static JournalGroup Group(string tenant, JournalHead previous, long epoch, params string[] events)
    {
        var group = new JournalGroup(tenant);
        foreach (string text in events)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            bytes.CopyTo(group.AddEvent(bytes.Length));
        }

        group.Seal(previous, epoch);
        return group;
    }

    public static async Task<AppendOutcome> AppendAsync(this ILedgerStore store, JournalGroup group)
    {
        var completion = new Completion();
        store.BeginAppend(group, completion);
        return await completion.OutcomeAsync();
    }

    public static async Task<JournalHead> AppendedAsync(
        this ILedgerStore store, JournalHead previous, long epoch, params string[] events)
    {
        using JournalGroup group = Group(previous, epoch, events);
        Assert.Equal(AppendOutcome.Appended, await store.AppendAsync(group));
        return group.Head;
    }

    /// <summary>What a store promises that others can go on with when this one is closed.</summary>
    public static async Task AssertClosedAsync(ILedgerStore store)
    {
        long epoch = await store.AcquireAsync();
        await store.DisposeAsync();
        using JournalGroup group = Group(JournalHead.Empty, epoch, "a");
        Assert.Equal(AppendOutcome.Unknown, await store.AppendAsync(group));
        await Assert.ThrowsAsync<StoreException>(() => store.HeadAsync());
    }

    /// <summary>Acquires, and appends a first group.</summary>
    public static async Task<(long Epoch, JournalHead Head)> StartedAsync(
        this ILedgerStore store, params string[] events)
    {
        long epoch = await store.AcquireAsync();
        return (epoch, await store.AppendedAsync(JournalHead.Empty, epoch, events));
    }

    public static async Task<long> AcquireAsync(this ILedgerStore store, string tenant = Tenant) =>
        await store.AcquireAsync(tenant, CancellationToken.None);

    public static async Task<JournalHead> HeadAsync(this ILedgerStore store, string tenant = Tenant) =>
        await store.ReadHeadAsync(tenant, CancellationToken.None);

    public static async Task<IReadOnlyList<StoredGroup>> ReadAsync(
        this ILedgerStore store, long fromEvent = 1, int bytesMax = int.MaxValue, string tenant = Tenant) =>
        await store.ReadGroupsAsync(tenant, fromEvent, bytesMax, CancellationToken.None);

    public static async Task<StoredSnapshot?> SnapshotAsync(
        this ILedgerStore store, long lastEventMax = long.MaxValue) =>
        await store.ReadSnapshotAsync(Tenant, lastEventMax, CancellationToken.None);

    public static async Task<bool> SaveAsync(this ILedgerStore store, long epoch, StoredSnapshot snapshot) =>
        await store.SaveSnapshotAsync(Tenant, epoch, snapshot, CancellationToken.None);

    /// <summary>Asks a store that may be away until it answers.</summary>
    public static async Task<T> UntilThereAsync<T>(Func<Task<T>> ask)
    {
        using CancellationTokenSource patience = new(Patience);
        while (true)
        {
            try
            {
                return await ask();
            }
            catch (StoreException) when (!patience.IsCancellationRequested)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
        }
    }

    public static List<string> Texts(IEnumerable<StoredGroup> groups, string tenant = Tenant) =>
        [.. groups.SelectMany(group => group.ReadEvents(tenant)).Select(bytes => Encoding.UTF8.GetString(bytes.Span))];

    public static JournalHead Verify(IEnumerable<StoredGroup> groups, string tenant = Tenant)
    {
        var verifier = new ChainVerifier(tenant, JournalHead.Empty);
        foreach (StoredGroup group in groups) verifier.Accept(group);
        return verifier.Head;
    }
}

/// <summary>Hears how one append ended.</summary>
internal sealed class Completion : IAppendCompletion
{
    private readonly TaskCompletionSource<AppendOutcome> _outcome =
        new(TaskCreationOptions.RunContinuationsAsynchronously);

    public bool IsCompleted => _outcome.Task.IsCompleted;

    public void AppendCompleted(AppendOutcome outcome) => _outcome.SetResult(outcome);

    public Task<AppendOutcome> OutcomeAsync() => _outcome.Task.WaitAsync(Appends.Patience);
}
