using AgentBudget.Storage.Journal;
using Xunit.Sdk;

namespace AgentBudget.Storage.Tests.Broken;

/// <summary>The kit as a provider would inherit it, over a store that is broken. Its cases are run by name.</summary>
internal sealed class BrokenKit(BrokenStore broken) : StoreConformanceTests
{
    /// <summary>Runs a case; answers what it found, or null when it found nothing.</summary>
    public static async Task<Exception?> RunAsync(BrokenStore broken, string name)
    {
        var kit = new BrokenKit(broken);
        await kit.InitializeAsync();
        try
        {
            await (Task)typeof(StoreConformanceTests).GetMethod(name)!.Invoke(kit, null)!;
            return null;
        }
        catch (Exception found) when (found is XunitException or StoreException or JournalDamagedException)
        {
            return found; // Anything else would be a fault of the broken store, and is no finding.
        }
        finally
        {
            await kit.DisposeAsync();
        }
    }

    protected override Task<ILedgerStore> OpenAsync() => Task.FromResult<ILedgerStore>(broken);

    protected override Task<ILedgerStore> ReopenAsync(ILedgerStore store) =>
        Task.FromResult<ILedgerStore>(((BrokenStore)store).Reopen());

    protected override Task<ILedgerStore> ReopenAfterCrashAsync(ILedgerStore store) => ReopenAsync(store);

    private protected override Task<ILedgerStore> ReopenWithTornTailAsync(ILedgerStore store, JournalGroup last)
    {
        ((BrokenStore)store).Tear(last);
        return ReopenAsync(store);
    }

    private protected override async Task<ILedgerStore> LoseOutcomeAsync(
        ILedgerStore store, JournalGroup group, bool isWritten)
    {
        var lost = (BrokenStore)store;
        await InMemoryStoreTests.LoseOutcomeAsync(lost.Inner, group, isWritten);
        if (!isWritten) lost.Lose(group);
        return store;
    }
}
