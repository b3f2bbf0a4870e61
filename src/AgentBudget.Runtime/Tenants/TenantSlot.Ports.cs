using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Events;
using AgentBudget.Runtime.Turns;
using AgentBudget.Storage.Journal;
using Microsoft.Extensions.Logging;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Runtime.Tenants;

// What comes out of the turn loop, on the slot's step.
internal sealed partial class TenantSlot : ITurnPorts
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

    void ITurnPorts.Publish(LedgerEvent[] events)
    {
        if (events[0].Sequence == 1) _services.OnFirstEvent(Tenant);
        _openSessions += _services.Metrics.Ledger.Add(events);
        Hub.Publish(events);
    }

    void ITurnPorts.Answer(PendingCommand command)
    {
        long original = command.Decided.DuplicateOf;
        if (original != 0)
        {
            if (!Hub.TryRead(original, out ReadOnlyMemory<LedgerEvent> events))
            {
                _ = AnswerFromJournalAsync(command, original);
                return;
            }

            command.Decided = new Answer(Outcome.Done, events.Span[0]);
        }

        Deliver(command);
    }

    void ITurnPorts.Fail(PendingCommand command, TenantFault fault, string message) => Fail(command, fault, message);

    void ITurnPorts.SaveSnapshot(CapturedState state, long epoch)
    {
        if (!_isSaving) SaveSnapshot(state, epoch, then: null);
    }

    void ITurnPorts.ReportDefect(Exception exception) => Log.Defect(_services.Logger, Tenant, exception);

    private void Fail(PendingCommand command, TenantFault fault, string message)
    {
        command.Failure = new TenantException(fault, message);
        Deliver(command);
    }

    private void Deliver(PendingCommand command)
    {
        Leave(command.Kind);
        _answers ??= new AnswerBatch();
        _answers.Add(command);
        if (_answers.IsFull) SendAnswers();
    }

    /// <summary>Whoever waits goes on elsewhere; the step does not wait for them.</summary>
    private void SendAnswers()
    {
        if (_answers is null) return;
        _services.RunSoon(_answers);
        _answers = null;
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
    private async Task AnswerFromJournalAsync(PendingCommand command, long original)
    {
        try
        {
            List<LedgerEvent> events = await JournalReader.ReadAsync(
                _services.Store, Tenant, original, original, eventsMax: 1, CancellationToken.None);
            command.Decided = new Answer(Outcome.Done, events[0]);
        }
        catch (Exception exception)
        {
            Log.OriginalUnreadable(_services.Logger, Tenant, original, exception);
            command.Failure = new TenantException(
                TenantFault.OutcomeUnknown, "the answer to the first request could not be read");
        }

        Leave(command.Kind);
        command.Complete();
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
        public static partial void Passivated(ILogger logger, string tenant);

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

        [LoggerMessage(3211, LogLevel.Warning, "The older journal of tenant {Tenant} could not be verified now")]
        public static partial void NotVerified(ILogger logger, string tenant, Exception exception);
    }
}
