using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Storage.Journal;

namespace AgentBudget.Runtime.Turns;

/// <summary>What leaves a turn loop. Called on the loop's own thread, never waited for.</summary>
internal interface ITurnPorts
{
    /// <summary>Whether more commands are arriving, so that it pays to let a group grow a little longer.</summary>
    bool IsMoreComing();

    /// <summary>Hands a group to the journal; <see cref="TurnLoop.AppendCompleted"/> says how it ended.</summary>
    void BeginAppend(JournalGroup group);

    /// <summary>
    /// Acquires a new epoch and then reads the head; <see cref="TurnLoop.Resolved"/> or
    /// <see cref="TurnLoop.ResolveFailed"/> says what was found.
    /// </summary>
    void BeginResolve();

    /// <summary>
    /// Reads the head; <see cref="TurnLoop.Confirmed"/> or <see cref="TurnLoop.ConfirmFailed"/> says what was found.
    /// </summary>
    void BeginConfirm();

    /// <summary>Events are durable. The array is given away.</summary>
    void Publish(LedgerEvent[] events);

    /// <summary>A turn's decided answer may leave: all that it rests on is durable.</summary>
    void Answer(WaitingTurn turn);

    /// <summary>A command is not answered.</summary>
    void Fail(WaitingTurn turn, TenantFault fault, string message);

    /// <summary>The state at a durable place, to be stored.</summary>
    void SaveSnapshot(CapturedState state, long epoch);

    /// <summary>A bug was caught.</summary>
    void ReportDefect(Exception exception);
}
