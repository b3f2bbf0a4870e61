namespace AgentBudget.Simulation.Core;

/// <summary>What can go wrong in a run. Each is counted when it really happened.</summary>
internal enum SimFault
{
    /// <summary>A wall clock jumped ahead by what log time follows at once.</summary>
    ClockAhead,

    /// <summary>A wall clock jumped ahead by hours or days.</summary>
    ClockFarAhead,

    /// <summary>A wall clock said a time that is far ahead, and was right again before anyone asked twice.</summary>
    ClockLies,

    /// <summary>A wall clock was set back.</summary>
    ClockBack,

    /// <summary>A process stood still for a while and went on.</summary>
    ProcessPaused,

    /// <summary>
    /// A process stood still with an append on its way, and went on before that arrived and after another one had
    /// acquired the tenant.
    /// </summary>
    OwnerPausedInFlight,

    /// <summary>A process acquired a tenant whose last owner is another one that serves.</summary>
    ActivationDuplicated,

    /// <summary>A process was killed.</summary>
    ProcessKilled,

    /// <summary>An append on its way from a killed process never arrived.</summary>
    KilledAppendLost,

    /// <summary>An append on its way from a killed process arrived after it.</summary>
    KilledAppendLanded,

    /// <summary>A process was stopped in an orderly way.</summary>
    ProcessStopped,

    /// <summary>An append took seconds.</summary>
    AppendSlow,

    /// <summary>An append was written and its answer lost.</summary>
    AppendUnknownWritten,

    /// <summary>An append was lost on its way.</summary>
    AppendUnknownNotWritten,

    /// <summary>An append's answer was "unknown" before it arrived.</summary>
    AppendUnknownLandsLate,

    /// <summary>Somebody else acquired the tenant just before an append.</summary>
    FenceTaken,

    /// <summary>The store had no space.</summary>
    StoreFull,

    /// <summary>An acquisition did not happen and said so.</summary>
    AcquireFailed,

    /// <summary>An acquisition happened and its answer was lost.</summary>
    AcquireAnswerLost,

    /// <summary>Another owner's lease ran.</summary>
    LeaseHeld,

    /// <summary>A read failed.</summary>
    ReadFailed,

    /// <summary>A read gave bytes that are not those that were written.</summary>
    ReadDamaged,

    /// <summary>A snapshot could not be written.</summary>
    SnapshotFailed,

    /// <summary>A snapshot was reported written and cannot be read.</summary>
    SnapshotTorn,

    /// <summary>A turn hit a defect half-way.</summary>
    TurnDefect,

    /// <summary>A request never arrived.</summary>
    RequestLost,

    /// <summary>A request arrived twice.</summary>
    RequestDuplicated,

    /// <summary>A request overtook one that was sent before it.</summary>
    RequestReordered,

    /// <summary>An answer never arrived.</summary>
    AnswerLost,

    /// <summary>A client asked again under the same request id.</summary>
    RequestRetried,

    /// <summary>A request id was used again with the same content.</summary>
    KeyRepeated,

    /// <summary>A request id was used again with other content.</summary>
    KeyReusedOtherwise,

    /// <summary>A tenant's writer changed from one silo to another.</summary>
    OwnerChanged,
}
