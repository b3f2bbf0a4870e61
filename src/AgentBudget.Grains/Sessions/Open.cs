using AgentBudget.Grains.Agents;
using AgentBudget.Grains.BusinessUnits;
using AgentBudget.Grains.Reservations;
using AgentBudget.Grains.Tenants;
using AgentBudget.Grains.UseCases;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Grains.Sessions;

/// <summary>
/// Starts a session of an agent for a use case. Scope that is asked for must be within the agent's; time and ceilings
/// are narrowed to the agent's.
/// </summary>
internal static class Open
{
    public static Answer Handle(TenantLedger ledger, OpenSessionCommand command)
    {
        OpenSessionRequest request = command.Request;
        ulong fingerprint = FingerprintOf(request);
        if (ledger.TryAnswer(Operation.Open, request.RequestId, fingerprint, out Answer again)) return again;

        if (Find<AgentGrain>(ledger, request.Agent) is not { } agent) return new Answer(Outcome.AgentNotFound);
        if (Find<UseCaseGrain>(ledger, request.UseCase) is not { } useCase) return new Answer(Outcome.UseCaseNotFound);
        if (!agent.WorksFor(useCase.Model.Id)) return new Answer(Outcome.UseCaseOutOfScope);
        if (Outside(request.Tools, agent.Tools, "tools", agent.Name) is { } tools)
            return new Answer(Outcome.ToolOutOfScope, Faults: tools);
        if (Outside(request.Models, agent.Models, "models", agent.Name) is { } models)
            return new Answer(Outcome.ModelOutOfScope, Faults: models);
        if (ledger.Catalog.TagFaults(request.Tags) is { } tags) return new Answer(Outcome.TagInvalid, Faults: tags);
        if (ledger.Catalog.CurrencyFault(request.Ceilings?.CostPerSession, "ceilings.costPerSession") is { } currency)
            return new Answer(Outcome.CurrencyInvalid, Faults: [currency]);
        if (ledger.KnownSessions >= TenantLedger.SessionsMax)
        {
            string description =
                $"the tenant has {TenantLedger.SessionsMax} sessions that are open or ended within 24 hours";
            return new Answer(Outcome.BoundReached, Faults: [new Fault("sessions", description)]);
        }

        LedgerEvent opened = Opened(ledger, request, agent, useCase);
        opened.RequestId = request.RequestId;
        opened.RequestFingerprint = fingerprint;
        opened.Actor = command.Actor;
        ledger.Emit(opened);
        return new Answer(Outcome.Done, opened);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent)
    {
        Spender spender = ledgerEvent.Spender;
        Invariant.Holds(spender.Session == Names.Session(ledgerEvent.Sequence));
        var session = new SessionGrain(
            ledgerEvent.Sequence,
            spender,
            ledgerEvent.SessionOpened,
            ledger.LogTimeNanos,
            (AgentGrain)ledger.GrainOf(spender.Agent),
            (UseCaseGrain)ledger.GrainOf(spender.UseCase),
            (BusinessUnitGrain)ledger.GrainOf(spender.BusinessUnit),
            ledger.Tenant);
        ledger.AddSession(session);
        ledger.SetDeadline(session.Deadline, session.ExpireNanos);
    }

    /// <summary>
    /// How long a session may live from now: what is asked for, within the agent's time and what is left.
    /// </summary>
    public static long ExpireNanos(long nowNanos, long askedNanos, AgentGrain agent, long lifetimeEndNanos)
    {
        long ttlNanos = askedNanos == 0 ? agent.SessionTtlNanos : Math.Min(askedNanos, agent.SessionTtlNanos);
        return Math.Min(nowNanos + ttlNanos, lifetimeEndNanos);
    }

    private static LedgerEvent Opened(
        TenantLedger ledger, OpenSessionRequest request, AgentGrain agent, UseCaseGrain useCase)
    {
        long lifetimeEndNanos = ledger.Now + agent.SessionLifetimeNanos;
        long askedNanos = request.Ttl is null ? 0 : LogTime.FromDuration(request.Ttl);
        SessionCeilings ceilings = SessionCeilings.From(request.Ceilings).NarrowedTo(agent.Ceilings);
        var opened = new SessionOpened
        {
            Task = request.Task,
            Unattended = request.Unattended,
            ExpireTime = LogTime.ToTimestamp(ExpireNanos(ledger.Now, askedNanos, agent, lifetimeEndNanos)),
            LifetimeEndTime = LogTime.ToTimestamp(lifetimeEndNanos),
            Ceilings = ceilings.ToMessage(ledger.Catalog.Currency),
        };
        opened.Tools.Add(request.Tools.Count > 0 ? request.Tools : agent.ToolPatterns);
        opened.Models.Add(request.Models.Count > 0 ? request.Models : agent.ModelNames);
        opened.Tags.Add(request.Tags);
        return new LedgerEvent
        {
            Spender = new Spender
            {
                Session = Names.Session(ledger.Sequence + 1),
                Agent = agent.Name,
                UseCase = useCase.Name,
                BusinessUnit = Names.BusinessUnitPrefix + useCase.Model.BusinessUnit,
                OnBehalfOf = request.OnBehalfOf,
            },
            SessionOpened = opened,
        };
    }

    private static TGrain? Find<TGrain>(TenantLedger ledger, string name)
        where TGrain : Grain =>
        ledger.Grains.TryGetValue(name, out Grain? grain) && grain is TGrain { IsInCatalog: true } found ? found : null;

    private static List<Fault>? Outside(RepeatedField<string> asked, Scope scope, string field, string agent)
    {
        List<Fault>? faults = null;
        for (int index = 0; index < asked.Count; index++)
        {
            if (scope.Covers(asked[index])) continue;
            (faults ??= []).Add(new Fault($"{field}[{index}]", $"{asked[index]} is not in the scope of {agent}"));
        }

        return faults;
    }

    private static ulong FingerprintOf(OpenSessionRequest request)
    {
        Fingerprint hash = new Fingerprint((ulong)Operation.Open)
            .Add(request.Agent)
            .Add(request.UseCase)
            .Add(request.Task)
            .Add(request.OnBehalfOf)
            .Add(request.Unattended)
            .Add(request.Ttl)
            .Add(request.Tools)
            .Add(request.Models)
            .Add(request.Tags);
        SessionCeilings ceilings = SessionCeilings.From(request.Ceilings);
        return hash.Add(ceilings.TokensPerRequest)
            .Add(ceilings.CostNanos)
            .Add(ceilings.Tokens)
            .Add(ceilings.Steps)
            .Add(ceilings.ToolCalls)
            .Add(ceilings.OpenHolds)
            .Value;
    }
}
