using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime.Tests;

/// <summary>What the loop does with what a store says, step by step.</summary>
public sealed class TurnLoopTests : IDisposable
{
    private const long Epoch = 1;

    private readonly ScriptedLedgers _ledgers = new();
    private readonly Ports _ports = new();
    private readonly TurnLoop _loop;

    public TurnLoopTests() => _loop = new TurnLoop(
        "acme",
        _ledgers.Create("acme"),
        JournalHead.Empty,
        Epoch,
        snapshotEvent: 0,
        snapshotEveryEvents: long.MaxValue,
        _ports);

    public void Dispose()
    {
        _loop.Dispose();
        _ledgers.Dispose();
    }

    [Fact]
    public void What_was_decided_is_held_back_while_more_is_coming()
    {
        _ports.IsMoreComing = true;
        Note("a");
        _loop.Send();
        Assert.Null(_ports.Sent);

        Note("b");
        _ports.IsMoreComing = false;
        _loop.Send();
        Assert.Equal(2, _ports.Sent!.Events);
    }

    [Fact]
    public void A_full_group_leaves_whatever_is_coming()
    {
        _ports.IsMoreComing = true;
        for (int i = 0; _loop.HasRoom; i++) Note($"{i}");
        _loop.Send();
        Assert.Equal(OpenGroup.EventsPerGroupMax, _ports.Sent!.Events);
    }

    [Fact]
    public void A_head_after_an_unknown_append_that_is_nobodys_is_damage()
    {
        AppendIsUnknown();
        _loop.Resolved(Epoch + 1, HeadOf(Epoch));
        Assert.Equal(TurnLoopState.EndedByDamage, _loop.State);
        Assert.Equal([TenantFault.OutcomeUnknown], _ports.Faults);
    }

    [Fact]
    public void A_head_of_an_owner_in_between_is_loaded()
    {
        AppendIsUnknown();
        _loop.Resolved(Epoch + 2, HeadOf(Epoch + 1));
        Assert.Equal(TurnLoopState.EndedForReload, _loop.State);
        Assert.Equal([TenantFault.OutcomeUnknown], _ports.Faults);
    }

    [Fact]
    public void A_head_of_a_later_epoch_than_was_acquired_means_that_another_has_the_tenant()
    {
        AppendIsUnknown();
        _loop.Resolved(Epoch + 1, HeadOf(Epoch + 2));
        Assert.Equal(TurnLoopState.EndedByFence, _loop.State);
        Assert.Equal([TenantFault.OutcomeUnknown], _ports.Faults);
    }

    [Fact]
    public void A_snapshot_waits_for_as_many_events_as_the_state_has_records()
    {
        const long Every = 2;
        using var loop = new TurnLoop(
            "acme", _ledgers.Create("acme"), JournalHead.Empty, Epoch, snapshotEvent: 0, Every, _ports);
        _ports.IsDurable = true;
        for (int i = 0; i < 40; i++)
        {
            Note($"{i}", loop);
            loop.Send();
            loop.AppendCompleted(AppendOutcome.Appended);
        }

        // One record a note: after the first, each waits for as many notes as there were.
        Assert.Equal([2, 4, 8, 16, 32], _ports.Snapshots);
    }

    private static JournalHead HeadOf(long epoch) => new(1, epoch, 1, ChainHash.Of("another group"u8));

    private void AppendIsUnknown()
    {
        Note("a");
        _loop.Send();
        _loop.AppendCompleted(AppendOutcome.Unknown);
        Assert.Equal(TurnLoopState.Resolving, _loop.State);
    }

    private void Note(string id, TurnLoop? loop = null)
    {
        CommandBatch batch = new([new NoteCommand(id)]);
        (loop ?? _loop).Handle(new WaitingTurn(batch, 0), nowNanos: 1);
    }

    private sealed class Ports : ITurnPorts
    {
        public bool IsMoreComing { get; set; }

        public bool IsDurable { get; set; }

        public bool IsConfirming { get; private set; }

        /// <summary>Last events of the snapshots.</summary>
        public List<long> Snapshots { get; } = [];

        public JournalGroup? Sent { get; private set; }

        public List<TenantFault> Faults { get; } = [];

        bool ITurnPorts.IsMoreComing() => IsMoreComing;

        void ITurnPorts.BeginAppend(JournalGroup group) => Sent = group;

        void ITurnPorts.BeginResolve()
        {
        }

        void ITurnPorts.BeginConfirm() => IsConfirming = true;

        void ITurnPorts.Publish(LedgerEvent[] events) => Assert.True(IsDurable, "nothing is durable here");

        void ITurnPorts.Answer(WaitingTurn turn) => Assert.True(IsDurable, "nothing is durable here");

        void ITurnPorts.Fail(WaitingTurn turn, TenantFault fault, string message) => Faults.Add(fault);

        void ITurnPorts.SaveSnapshot(CapturedState state, long epoch)
        {
            Assert.Equal(state.Head.LastEvent, state.Ledger.Records);
            Snapshots.Add(state.Head.LastEvent);
        }

        void ITurnPorts.ReportDefect(Exception exception) => Assert.Fail(exception.Message);
    }
}
