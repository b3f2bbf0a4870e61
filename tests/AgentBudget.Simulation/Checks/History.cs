using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;
using AgentBudget.Simulation.Core;
using AgentBudget.Simulation.Silos;
using AgentBudget.Storage.Journal;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Simulation.Checks;

/// <summary>
/// What clients asked for and what they were told, held against what became durable: every acknowledged effect is in
/// the journal exactly once, whatever is there was asked for, the same request has the same answer, and what was
/// refused for good never happens.
/// </summary>
internal sealed class History(SimWorld world)
{
    private const long RetentionNanos = 24L * 60 * 60 * 1_000_000_000;

    private readonly Dictionary<RequestIdentity, RequestRecord> _records = [];

    /// <summary>A request arrives at a process.</summary>
    public Attempt Arrived(string tenant, Command command, SimProcess process)
    {
        TenantJournal journal = world.Journals.Of(tenant);
        int durable = journal.Events.Count;
        if (RequestIdentity.Of(tenant, command, journal.RootOf) is not { } identity)
            return new Attempt(asked: null, process, durable, wasDone: false);
        if (!_records.TryGetValue(identity, out RequestRecord? record))
            _records.Add(identity, record = new RequestRecord());
        Asked? asked = record.Asked.Find(candidate => candidate.Command.Equals(command));
        if (asked is null) record.Asked.Add(asked = new Asked(record, command));
        var attempt = new Attempt(asked, process, durable, asked.IsDone);
        asked.Open.Add(attempt);
        return attempt;
    }

    /// <summary>An event is durable.</summary>
    public void Landed(string tenant, LedgerEvent landed)
    {
        if (RequestIdentity.Of(tenant, landed) is not { } identity) return;
        if (!_records.TryGetValue(identity, out RequestRecord? record))
        {
            world.Fail("asked", $"event {landed.Sequence} of {tenant} is of a request that nobody sent: {identity}");
            return;
        }

        long now = world.Journals.Of(tenant).TimeNanos;
        if (record.Effects.Count > 0 && (identity.Session > 0 || now - record.LandedNanos < RetentionNanos))
            world.Fail("once", $"{identity} has effects at events {record.Effects[^1]} and {landed.Sequence}");
        record.Effects.Add(landed.Sequence);
        record.LandedNanos = now;
        record.Of = record.Asked.Find(asked => RequestContent.IsOf(landed, asked.Command));
        if (record.Of is null)
            world.Fail("content", $"event {landed.Sequence} of {tenant} is not what {identity} asked for: {landed}");
        else if (record.Of is { MayHappen: false })
            world.Fail("definite", $"{identity} was refused for good, and then became event {landed.Sequence}");
    }

    /// <summary>
    /// A process hears that its group was refused by the fence. Whoever waited there for one of its events is to be
    /// told that nothing was recorded, and not that nobody knows.
    /// </summary>
    public void Fenced(string tenant, StoredGroup group, SimProcess process)
    {
        foreach (ReadOnlyMemory<byte> bytes in group.ReadEvents(tenant))
        {
            LedgerEvent lost = LedgerEvent.Parser.ParseFrom(bytes.Span);
            if (RequestIdentity.Of(tenant, lost) is not { } identity) continue;
            if (!_records.TryGetValue(identity, out RequestRecord? record)) continue;
            Asked? asked = record.Asked.Find(candidate => RequestContent.IsOf(lost, candidate.Command));
            Attempt[] waiting = [.. asked?.Open.Where(attempt => attempt.Process == process) ?? []];
            if (waiting.Length == 0) continue;
            var loss = new Loss(lost.Sequence, waiting.Length);
            foreach (Attempt attempt in waiting) attempt.Losses.Add(loss);
        }
    }

    /// <summary>A process told about a command that had arrived.</summary>
    public void Told(string tenant, Command command, Attempt attempt, in Told reply)
    {
        Asked? asked = attempt.Asked;
        world.Coverage.Count(
            reply.Fault is null ? "outcome" : "fault told",
            reply.Fault?.ToString() ?? reply.Answer.Outcome.ToString());
        asked?.Open.Remove(attempt);
        foreach (Loss loss in attempt.Losses) ToldOfLoss(tenant, loss, reply.Fault);
        if (reply.Fault is { } fault) ToldFault(asked, fault);
        else if (reply.Answer.Outcome == Outcome.Done) ToldDone(tenant, command, attempt, reply.Answer);
        else ToldRefusal(tenant, attempt, reply);
    }

    private void ToldFault(Asked? asked, TenantFault fault)
    {
        if (asked is null) return;
        if (fault == TenantFault.OutcomeUnknown) asked.IsUnknown = true;
        MustNotHaveHappened(asked, fault.ToString());
    }

    // The same request may have come twice, and wait for the next activation: one of them was in the group.
    private void ToldOfLoss(string tenant, Loss loss, TenantFault? fault)
    {
        loss.Waiting--;
        loss.IsTold |= fault == TenantFault.NotReady;
        if (loss.Waiting > 0) return;
        if (loss.IsTold) world.Coverage.Count("ownership", "LoserTold");
        else
            world.Fail("loser", $"event {loss.Sequence} of {tenant} was fenced, and its caller hears {fault}");
    }

    private void ToldDone(string tenant, Command command, Attempt attempt, in Answer answer)
    {
        Asked? asked = attempt.Asked;
        if (answer.View is SpendSnapshot snapshot) CheckSnapshot(tenant, snapshot, attempt);
        if (asked is null) return;
        // One refusal of many alike is counted and not recorded on its own; asked again, it is decided anew.
        if (answer.Event is { Sequence: 0, ReservationRefused: not null }) return;
        asked.IsDone = true;
        if (answer.Event is not { } told)
        {
            if (IsIdempotent(command)) return;
            world.Fail("acknowledged", $"{command.GetType().Name} of {tenant} is done and names no event");
            return;
        }

        if (told.Sequence == 0)
        {
            if (told.CatalogApplied is not { Changes.Count: 0 } && told.CatalogPatched is not { Changes.Count: 0 })
                world.Fail("acknowledged", $"{command.GetType().Name} of {tenant} is done and recorded nothing");
            return;
        }

        world.Journals.MustBeDurable(tenant, told, "an answer");
        if (!asked.Record.Effects.Contains(told.Sequence))
            world.Fail("same answer", $"event {told.Sequence} of {tenant} is told to another request");
        else if (!RequestContent.IsOf(told, asked.Command))
            world.Fail("same answer", $"event {told.Sequence} of {tenant} answers a request with other content");
    }

    // Commands that leave an agent or a credential as it should be and is: nothing is recorded.
    private static bool IsIdempotent(Command command) =>
        command is RevokeCredentialCommand or RevokeAccessTokenCommand or SuspendAgentCommand or ResumeAgentCommand
            or DecommissionAgentCommand or RecordCredentialUsesCommand or RevokeSessionsCommand;

    private void ToldRefusal(string tenant, Attempt attempt, in Told reply)
    {
        if (attempt.Asked is not { } asked) return;
        RequestRecord record = asked.Record;
        Outcome outcome = reply.Answer.Outcome;
        if (outcome == Outcome.KeyReused && (record.Of is null || ReferenceEquals(record.Of, asked)))
            world.Fail("same answer", $"a request of {tenant} hears KeyReused, and its id was not used otherwise");
        bool isRemembered = record.Effects.Count > 0 && record.LandedNanos
            > Math.Max(world.LogTimeMaxOf(reply.Process.Number), world.Journals.Of(tenant).TimeNanos) - RetentionNanos;
        if (isRemembered && attempt.WasDone && outcome != Outcome.KeyReused)
            world.Fail("same answer", $"a request of {tenant} was done before, and now hears {outcome}");
        MustNotHaveHappened(asked, outcome.ToString());
    }

    // Of several attempts one may still be under way, and only then may it have happened.
    private void MustNotHaveHappened(Asked asked, string told)
    {
        if (ReferenceEquals(asked.Record.Of, asked) && !asked.MayHappen && !asked.IsDone)
            world.Fail(
                "definite", $"a request hears {told}, which has no effect, and it is event {asked.Record.Effects[^1]}");
    }

    // What a turn saw is what the naive model makes of the same events, where the journal has just these.
    private void CheckSnapshot(string tenant, SpendSnapshot snapshot, Attempt attempt)
    {
        TenantJournal journal = world.Journals.Of(tenant);
        if (snapshot.Sequence < attempt.Durable)
            world.Fail(
                "fresh", $"a snapshot of {tenant} shows event {snapshot.Sequence}; {attempt.Durable} had landed");
        if (snapshot.Sequence > journal.Events.Count)
            world.Fail("durable", $"a snapshot of {tenant} shows event {snapshot.Sequence} before it is durable");
        if (snapshot.Sequence == journal.Events.Count)
            Balances.MustBeNaive(world, journal, snapshot.Grains, attempt.Process);
    }
}

/// <summary>One arrival of a request.</summary>
/// <param name="asked">The request; null for one that leaves no trace.</param>
/// <param name="process">Where it arrived.</param>
/// <param name="durable">Events of the tenant that were durable then.</param>
/// <param name="wasDone">Its effect had been acknowledged before.</param>
internal sealed class Attempt(Asked? asked, SimProcess process, int durable, bool wasDone)
{
    public Asked? Asked => asked;

    public SimProcess Process => process;

    public int Durable => durable;

    public bool WasDone => wasDone;

    /// <summary>Events for which it waited, or another one like it, and which the fence refused.</summary>
    public List<Loss> Losses { get; } = [];
}

/// <summary>An event that the fence refused.</summary>
/// <param name="sequence">The number that it would have had.</param>
/// <param name="waiting">Attempts for which it was made, or that are like that one.</param>
internal sealed class Loss(long sequence, int waiting)
{
    public long Sequence => sequence;

    public int Waiting { get; set; } = waiting;

    /// <summary>One of them heard that nothing was recorded.</summary>
    public bool IsTold { get; set; }
}

/// <summary>A request id, and what came of it.</summary>
internal sealed class RequestRecord
{
    /// <summary>The contents that it was sent with.</summary>
    public List<Asked> Asked { get; } = [];

    /// <summary>The content that had the latest effect.</summary>
    public Asked? Of { get; set; }

    /// <summary>Its events: one, or another when the id was forgotten by its time.</summary>
    public List<long> Effects { get; } = [];

    public long LandedNanos { get; set; }
}

/// <summary>A request as it was sent, under its id.</summary>
internal sealed class Asked(RequestRecord record, Command command)
{
    public RequestRecord Record => record;

    public Command Command => command;

    /// <summary>Arrivals about which nothing was told. With a killed process that stays so.</summary>
    public List<Attempt> Open { get; } = [];

    /// <summary>Some attempt's outcome is not known.</summary>
    public bool IsUnknown { get; set; }

    public bool IsDone { get; set; }

    public bool MayHappen => Open.Count > 0 || IsUnknown;
}
