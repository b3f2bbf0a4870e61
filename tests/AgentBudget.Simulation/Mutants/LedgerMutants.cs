using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Runtime.Turns;
using AgentBudget.Simulation.Checks;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Simulation.Mutants;

/// <summary>Turns are taken at the wall clock's time and not at log time.</summary>
internal sealed class ExpiryByWallClock : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) =>
        new Broken(() => silo.Wall.NowNanos(world.Scheduler), inner);

    private sealed class Broken(Func<long> wall, ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events) =>
            base.Handle(command, Math.Max(wall(), nowNanos), events);

        public override void HandleDeadlines(long nowNanos, List<LedgerEvent> events) =>
            base.HandleDeadlines(Math.Max(wall(), nowNanos), events);
    }
}

/// <summary>A spend that comes exactly to the limit is refused.</summary>
internal sealed class LessForLessOrEqual : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not ReserveCommand { Request.DryRun: false } reserve)
                return base.Handle(command, nowNanos, events);
            ReserveTokensRequest dry = reserve.Request.Clone();
            dry.DryRun = true;
            Answer wouldBe = base.Handle(reserve with { Request = dry }, nowNanos, events);
            if (wouldBe.Event?.ReservationHeld is not { Left: { HasNanos: true, Nanos: 0 } } held)
                return base.Handle(command, nowNanos, events);
            ReserveTokensRequest more = reserve.Request.Clone();
            more.Estimate.InputTokens++;
            Answer answer = base.Handle(reserve with { Request = more }, nowNanos, events);
            if (answer.Event?.ReservationRefused is { } refused) refused.Requested = held.CostNanos;
            return answer;
        }
    }
}

/// <summary>The tenant's own budget is not asked.</summary>
internal sealed class SkippedTenantCheck : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not ApplyCatalogCommand { Catalog.Budget: not null } apply)
                return base.Handle(command, nowNanos, events);
            // The windows stay as they are, and end when they should; they only never refuse.
            Catalog without = apply.Catalog.Clone();
            foreach (Budget window in without.FurtherBudgets.Prepend(without.Budget))
                window.Tiers.Add(new Tier { AtPercent = 1000, Action = TierAction.Refuse });
            Answer answer = base.Handle(apply with { Catalog = without }, nowNanos, events);
            if (answer.Event?.CatalogApplied is { } applied) applied.Catalog = apply.Catalog;
            return answer;
        }
    }
}

/// <summary>A commit of a hold that is no longer held is acknowledged and not recorded.</summary>
internal sealed class LostLateCommit : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        private readonly HashSet<long> _givenBack = [];

        public override void Apply(LedgerEvent ledgerEvent)
        {
            base.Apply(ledgerEvent);
            Follow(ledgerEvent);
        }

        public override void HandleDeadlines(long nowNanos, List<LedgerEvent> events)
        {
            int before = events.Count;
            base.HandleDeadlines(nowNanos, events);
            for (int i = before; i < events.Count; i++) Follow(events[i]);
        }

        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is CommitCommand commit && _givenBack.Contains(commit.Reservation))
                return new Answer(Outcome.Done);
            int before = events.Count;
            Answer answer = base.Handle(command, nowNanos, events);
            for (int i = before; i < events.Count; i++) Follow(events[i]);
            return answer;
        }

        private void Follow(LedgerEvent ledgerEvent)
        {
            if (ledgerEvent.ReservationExpired is { } expired) _givenBack.Add(expired.Reservation);
            if (ledgerEvent.ReservationReleased is { } released) _givenBack.Add(released.Reservation);
        }
    }
}

/// <summary>After a loss the memory from before it is taken into use again.</summary>
internal sealed class StateKeptAfterLoss : LedgerMutant
{
    private readonly Dictionary<(SimProcess? Process, string Tenant), ITurnLedger> _kept = [];

    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored)
    {
        (SimProcess?, string) place = (silo.Process, tenant);
        if (_kept.TryGetValue(place, out ITurnLedger? kept)) return kept;
        return _kept[place] = new Broken(inner);
    }

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override void Apply(LedgerEvent ledgerEvent)
        {
            if (ledgerEvent.Sequence > Sequence) base.Apply(ledgerEvent);
        }
    }
}

/// <summary>Nothing happens at a deadline unless a command comes by.</summary>
internal sealed class ForgottenDeadlines : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override long NextDeadlineNanos => long.MaxValue;
    }
}

/// <summary>A used request id with other content is answered as if it were the same.</summary>
internal sealed class IgnoredContent : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(tenant, inner);

    private sealed class Broken(string tenant, ITurnLedger inner) : LedgerDecorator(inner)
    {
        private readonly Dictionary<RequestIdentity, long> _effects = [];

        public override void Apply(LedgerEvent ledgerEvent)
        {
            base.Apply(ledgerEvent);
            Follow(ledgerEvent);
        }

        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            Answer answer = base.Handle(command, nowNanos, events);
            if (answer is { Outcome: Outcome.Done, Event: { Sequence: > 0 } recorded }) Follow(recorded);
            RequestIdentity? asked = RequestIdentity.Of(tenant, command, session => session);
            if (answer.Outcome != Outcome.KeyReused || asked is not { } identity)
                return answer;
            return _effects.TryGetValue(identity, out long effect)
                ? new Answer(Outcome.Done, DuplicateOf: effect)
                : answer;
        }

        private void Follow(LedgerEvent ledgerEvent)
        {
            if (RequestIdentity.Of(tenant, ledgerEvent) is { } identity) _effects[identity] = ledgerEvent.Sequence;
        }
    }
}

/// <summary>A state restored from a snapshot does not know the commits before it, and takes them again.</summary>
internal sealed class SnapshotForgetsRequests : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) =>
        isRestored ? new Broken(inner) : inner;

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        private readonly long _restoredAt = inner.Sequence;

        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            Answer answer = base.Handle(command, nowNanos, events);
            if (command is not ReserveCommand reserve || answer.DuplicateOf == 0 || answer.DuplicateOf > _restoredAt)
                return answer;
            ReserveTokensRequest anew = reserve.Request.Clone();
            anew.RequestId += "'";
            answer = base.Handle(reserve with { Request = anew }, nowNanos, events);
            if (answer.Event is { } recorded) recorded.RequestId = reserve.Request.RequestId;
            return answer;
        }
    }
}

/// <summary>A credential that is revoked leaves open what it opened.</summary>
internal sealed class RevocationLeavesSessions : LedgerMutant
{
    protected override ITurnLedger Wrap(
        SimWorld world, SimSilo silo, string tenant, ITurnLedger inner, bool isRestored) => new Broken(inner);

    private sealed class Broken(ITurnLedger inner) : LedgerDecorator(inner)
    {
        public override Answer Handle(Command command, long nowNanos, List<LedgerEvent> events)
        {
            if (command is not RevokeCredentialCommand { Request.KeepSessions: false } revoke)
                return base.Handle(command, nowNanos, events);
            RevokeCredentialRequest keeping = revoke.Request.Clone();
            keeping.KeepSessions = true;
            Answer answer = base.Handle(revoke with { Request = keeping }, nowNanos, events);
            if (answer.Event?.CredentialRevoked is { } revoked) revoked.KeptSessions = false;
            return answer;
        }
    }
}
