using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage.Journal;
using Microsoft.Extensions.Logging;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Runtime;

// What comes out of the turn loop, on a step.
public sealed partial class TenantActivation : ITurnPorts
{
    bool ITurnPorts.IsMoreComing()
    {
        // What waits is asked for again by the step that handles what is coming.
        if (!HasInput())
        {
            _heldBackSince = 0; // A group of queries leaves without an append.
            return false;
        }

        long now = _services.Time.GetTimestamp();
        if (_heldBackSince == 0) _heldBackSince = now;
        return _services.Time.GetElapsedTime(_heldBackSince, now) < HoldBackMax;
    }

    void ITurnPorts.BeginAppend(JournalGroup group)
    {
        _heldBackSince = 0;
        _services.Metrics.AppendBegun(group);
        _appendBegan = _services.Time.GetTimestamp();
        _services.Store.BeginAppend(group, this);
    }

    void ITurnPorts.BeginResolve()
    {
        Log.AppendUnknown(_services.Logger, Tenant);
        _ = ResolveAsync(_loop!);
    }

    void ITurnPorts.BeginConfirm() => _ = ConfirmAsync(_loop!);

    void ITurnPorts.Publish(LedgerEvent[] events)
    {
        _openSessions += _services.Metrics.Ledger.Add(events);
        Recent.Publish(events);
        _host.Published(events[^1].Sequence);
    }

    void ITurnPorts.Answer(WaitingTurn turn)
    {
        long original = turn.Decided.DuplicateOf;
        if (original == 0)
            Deliver(turn, new Reply(turn.Decided));
        else if (Recent.TryRead(original, out ReadOnlyMemory<LedgerEvent> events))
            Deliver(turn, new Reply(new Answer(Outcome.Done, events.Span[0])));
        else
            _ = AnswerFromJournalAsync(turn, original);
    }

    void ITurnPorts.Fail(WaitingTurn turn, TenantFault fault, string message) => Fail(turn, fault, message);

    void ITurnPorts.SaveSnapshot(CapturedState state, long epoch)
    {
        if (!_isSaving) SaveSnapshot(state, epoch);
    }

    void ITurnPorts.ReportDefect(Exception exception) => Log.Defect(_services.Logger, Tenant, exception);

    private void Fail(WaitingTurn turn, TenantFault fault, string message) =>
        Deliver(turn, new Reply(default, fault, message));

    private void Deliver(WaitingTurn turn, Reply reply)
    {
        Count(turn.Kind, -1);
        turn.Batch.Answer(turn.Place, reply);
    }

    private async Task ConfirmAsync(TurnLoop loop)
    {
        try
        {
            JournalHead head = await _services.Store.ReadHeadAsync(Tenant, CancellationToken.None);
            Post(() => loop.Confirmed(head));
        }
        catch (Exception exception)
        {
            Log.NotConfirmed(_services.Logger, Tenant, exception);
            Post(loop.ConfirmFailed);
        }
    }

    /// <summary>The epoch first, the head after it: only then is what is not there never going to be.</summary>
    private async Task ResolveAsync(TurnLoop loop)
    {
        try
        {
            long epoch = await _services.Store.AcquireAsync(Tenant, CancellationToken.None);
            JournalHead head = epoch == 0
                ? JournalHead.Empty
                : await _services.Store.ReadHeadAsync(Tenant, CancellationToken.None);
            Post(() => loop.Resolved(epoch, head));
        }
        catch (Exception exception)
        {
            Log.NotResolved(_services.Logger, Tenant, exception);
            Post(loop.ResolveFailed);
        }
    }

    /// <summary>The first request was long ago: its event is read from the journal, away from the loop.</summary>
    private async Task AnswerFromJournalAsync(WaitingTurn turn, long original)
    {
        Reply reply;
        try
        {
            List<LedgerEvent> events = await JournalReader.ReadAsync(
                _services.Store, Tenant, original, original, eventsMax: 1, CancellationToken.None);
            reply = new Reply(new Answer(Outcome.Done, events[0]));
        }
        catch (Exception exception)
        {
            Log.OriginalUnreadable(_services.Logger, Tenant, original, exception);
            reply = new Reply(
                default, TenantFault.OutcomeUnknown, "the answer to the first request could not be read");
        }

        Post(() => Deliver(turn, reply));
    }

    private static partial class Log
    {
        [LoggerMessage(3201, LogLevel.Information, "Tenant {Tenant} is active at event {Sequence} under epoch {Epoch}")]
        public static partial void Loaded(ILogger logger, string tenant, long sequence, long epoch);

        [LoggerMessage(3202, LogLevel.Warning, "Tenant {Tenant} could not be loaded")]
        public static partial void NotLoaded(ILogger logger, string tenant, Exception exception);

        [LoggerMessage(3203, LogLevel.Critical, "Tenant {Tenant} is halted: {Message}")]
        public static partial void Halted(ILogger logger, string tenant, string message);

        [LoggerMessage(3204, LogLevel.Debug, "Tenant {Tenant} left memory")]
        public static partial void LeftMemory(ILogger logger, string tenant);

        [LoggerMessage(3205, LogLevel.Warning, "Tenant {Tenant} was dropped from memory: {Message}")]
        public static partial void FenceLost(ILogger logger, string tenant, string message);

        [LoggerMessage(3206, LogLevel.Warning, "Tenant {Tenant} is loaded again: {Message}")]
        public static partial void Reloading(ILogger logger, string tenant, string message);

        [LoggerMessage(3207, LogLevel.Error, "A turn of tenant {Tenant} hit a defect")]
        public static partial void Defect(ILogger logger, string tenant, Exception exception);

        [LoggerMessage(3208, LogLevel.Warning, "The store did not say how an append of tenant {Tenant} ended")]
        public static partial void AppendUnknown(ILogger logger, string tenant);

        [LoggerMessage(3209, LogLevel.Error, "An append of tenant {Tenant} of unknown outcome could not be resolved")]
        public static partial void NotResolved(ILogger logger, string tenant, Exception exception);

        [LoggerMessage(3210, LogLevel.Error, "Event {Sequence} of tenant {Tenant} could not be read")]
        public static partial void OriginalUnreadable(
            ILogger logger, string tenant, long sequence, Exception exception);

        [LoggerMessage(3212, LogLevel.Warning, "The head of the journal of tenant {Tenant} could not be read")]
        public static partial void NotConfirmed(ILogger logger, string tenant, Exception exception);

        [LoggerMessage(3211, LogLevel.Warning, "The older journal of tenant {Tenant} could not be verified now")]
        public static partial void NotVerified(ILogger logger, string tenant, Exception exception);
    }
}
