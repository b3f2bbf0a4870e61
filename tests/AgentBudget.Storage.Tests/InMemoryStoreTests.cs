using AgentBudget.Storage.InMemory;
using AgentBudget.Storage.Journal;
using static AgentBudget.Storage.Tests.Appends;

namespace AgentBudget.Storage.Tests;

/// <summary>The store in memory keeps the promises, and its faults are those of real stores.</summary>
public sealed class InMemoryStoreTests : StoreConformanceTests
{

    private InMemoryStore Memory => (InMemoryStore)Store;

    [Fact]
    public async Task An_append_under_an_epoch_of_another_owner_is_fenced()
    {
        InMemoryStore other = Memory.AsAnotherOwner();
        long epoch = await Memory.AcquireAsync();
        using JournalGroup group = Group(JournalHead.Empty, epoch, "a");
        Assert.Equal(AppendOutcome.FenceLost, await other.AppendAsync(group));
        Assert.Equal(AppendOutcome.Appended, await Memory.AppendAsync(group));
        await other.DisposeAsync();
    }

    [Theory]
    [InlineData(AppendFault.UnknownNotWritten, AppendOutcome.Unknown, 0)]
    [InlineData(AppendFault.UnknownWritten, AppendOutcome.Unknown, 1)]
    [InlineData(AppendFault.UnknownLandsLate, AppendOutcome.Unknown, 0)]
    [InlineData(AppendFault.FenceLost, AppendOutcome.FenceLost, 0)]
    [InlineData(AppendFault.NoSpace, AppendOutcome.NoSpace, 0)]
    [InlineData(AppendFault.None, AppendOutcome.Appended, 1)]
    public async Task A_fault_has_its_answer_and_its_effect(AppendFault fault, AppendOutcome answer, int groups)
    {
        long epoch = await Memory.AcquireAsync();
        Memory.Faults.OnAppend = _ => fault;
        using JournalGroup group = Group(JournalHead.Empty, epoch, "a");
        Assert.Equal(answer, await Memory.AppendAsync(group));
        Assert.Equal(groups, (await Memory.HeadAsync()).Sequence);
    }

    [Fact]
    public async Task A_late_write_lands_unless_a_new_epoch_was_acquired_before()
    {
        long epoch = await Memory.AcquireAsync();
        Memory.Faults.OnAppend = _ => AppendFault.UnknownLandsLate;
        using JournalGroup first = Group(JournalHead.Empty, epoch, "a");
        await Memory.AppendAsync(first);
        Memory.Faults.LandLateWrites();
        Assert.Equal(first.Head, await Memory.HeadAsync());

        using JournalGroup second = Group(first.Head, epoch, "b");
        await Memory.AppendAsync(second);
        await Memory.AcquireAsync();
        Memory.Faults.LandLateWrites();
        Assert.Equal(first.Head, await Memory.HeadAsync());
    }

    [Fact]
    public async Task A_held_append_is_neither_written_nor_answered()
    {
        long epoch = await Memory.AcquireAsync();
        Memory.Faults.HoldAppends();
        using JournalGroup group = Group(JournalHead.Empty, epoch, "a");
        var completion = new Completion();
        Memory.BeginAppend(group, completion);
        await Memory.Faults.AppendHeldAsync(Patience, default);
        Assert.False(completion.IsCompleted);
        Assert.Equal(JournalHead.Empty, await Memory.HeadAsync());
        Memory.Faults.ReleaseAppends();
        Assert.Equal(AppendOutcome.Appended, await completion.OutcomeAsync());
    }

    protected override Task<ILedgerStore> OpenAsync() => Task.FromResult<ILedgerStore>(new InMemoryStore());

    protected override Task<ILedgerStore> ReopenAsync(ILedgerStore store) => Task.FromResult(store);

    protected override Task<ILedgerStore> ReopenAfterCrashAsync(ILedgerStore store) => Task.FromResult(store);

    // What is torn on its way into memory leaves no trace there.
    private protected override Task<ILedgerStore> ReopenWithTornTailAsync(ILedgerStore store, JournalGroup last) =>
        Task.FromResult(store);

    private protected override async Task<ILedgerStore> LoseOutcomeAsync(
        ILedgerStore store, JournalGroup group, bool isWritten)
    {
        await LoseOutcomeAsync((InMemoryStore)store, group, isWritten);
        return store;
    }

    internal static async Task LoseOutcomeAsync(InMemoryStore store, JournalGroup group, bool isWritten)
    {
        store.Faults.OnAppend = _ => isWritten ? AppendFault.UnknownWritten : AppendFault.UnknownNotWritten;
        Assert.Equal(AppendOutcome.Unknown, await store.AppendAsync(group));
        store.Faults.OnAppend = null;
    }
}
