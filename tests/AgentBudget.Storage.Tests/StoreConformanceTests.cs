using AgentBudget.Storage.Journal;

namespace AgentBudget.Storage.Tests;

/// <summary>What every store promises. A provider inherits this class and says how to open one.</summary>
public abstract partial class StoreConformanceTests : IAsyncLifetime
{
    private ILedgerStore? _store;

    private protected ILedgerStore Store => _store ?? throw new InvalidOperationException("the store is not open");

    public async ValueTask InitializeAsync() => _store = await OpenAsync();

    public async ValueTask DisposeAsync()
    {
        if (_store is not null) await _store.DisposeAsync();
        await CleanAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Opens an empty store.</summary>
    protected abstract Task<ILedgerStore> OpenAsync();

    /// <summary>
    /// Closes the store, keeping what it stored, and opens it again; the same instance for one in memory.
    /// </summary>
    protected abstract Task<ILedgerStore> ReopenAsync(ILedgerStore store);

    /// <summary>Opens what a crash at this moment would leave; the same instance for one in memory.</summary>
    protected abstract Task<ILedgerStore> ReopenAfterCrashAsync(ILedgerStore store);

    /// <summary>
    /// Appends the group, and opens what a crash would leave that tore it on its way to the disk, before anyone was
    /// answered.
    /// </summary>
    private protected abstract Task<ILedgerStore> ReopenWithTornTailAsync(ILedgerStore store, JournalGroup last);

    /// <summary>
    /// Appends the group so that whoever asked does not learn how that ended, and answers the store as it is found
    /// then.
    /// </summary>
    private protected abstract Task<ILedgerStore> LoseOutcomeAsync(
        ILedgerStore store, JournalGroup group, bool isWritten);

    protected virtual Task CleanAsync() => Task.CompletedTask;
}
