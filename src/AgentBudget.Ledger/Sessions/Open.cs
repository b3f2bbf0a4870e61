using AgentBudget.Ledger.Agents;
using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.BusinessUnits;
using AgentBudget.Ledger.Requests;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Ledger.UseCases;
using AgentBudget.Protocol.V1;
using Google.Protobuf.Collections;

namespace AgentBudget.Ledger.Sessions;

/// <summary>
/// Starts a session of an agent for a use case, as the root of a run or as a subagent of another session. Scope that is
/// asked for must be within the agent's and the parent's; time and ceilings are narrowed to theirs.
/// </summary>
internal static class Open
{
    // A path has as many accounts that can limit a user: agent, use case, business unit, tenant.
    private const int UserBudgetsAtOnceMax = 4;

    public static Answer Handle(TenantLedger ledger, OpenSessionCommand command)
    {
        OpenSessionRequest request = command.Request;
        AskedRequest asked = AskedBy(command);
        SessionAccount? parent = command.Parent > 0 ? ledger.FindSession(command.Parent) : null;
        // What a session asks for by its own token is kept with it.
        bool isParents = parent is not null && asked.Principal == parent.Name;
        if (isParents && parent!.TryAnswer(asked, out Answer before)) return before;
        if (ledger.TryAnswer(asked, out Answer again)) return again;
        if (!IsLive(ledger, command.Origin, UserOf(request, parent))) return new Answer(Outcome.CredentialEnded);
        if (command.Parent > 0 && CheckParent(parent) is { } closed) return closed;
        string agentName = request.Agent.Length == 0 && parent is not null ? parent.Agent.Name : request.Agent;
        string useCaseName = request.UseCase.Length == 0 && parent is not null ? parent.UseCase.Name : request.UseCase;
        if (ledger.FindInCatalog<AgentAccount>(agentName) is not { } agent) return new Answer(Outcome.AgentNotFound);
        if (parent?.Agent.DelegatesTo(agent) == false)
            return NotDelegated(Outcome.AgentNotDelegated, "agent", parent, agent);
        if (ledger.FindInCatalog<UseCaseAccount>(useCaseName) is not { } useCase)
            return new Answer(Outcome.UseCaseNotFound);
        if (parent is not null && !ReferenceEquals(useCase, parent.UseCase)
            && !parent.Agent.DelegatesToUseCase(useCase.Model.Id))
        {
            return NotDelegated(Outcome.UseCaseNotDelegated, "use_case", parent, useCase);
        }

        // First what may be asked at all: what is out of an agent's scope looks like what is not there, always.
        if (!agent.WorksFor(useCase.Model.Id)) return new Answer(Outcome.UseCaseOutOfScope);
        if (agent.CheckStanding(UserOf(request, parent)) != Reason.Unspecified)
            return new Answer(Outcome.AgentNotActive);
        if (CheckAsked(ledger, request, agent, parent) is { } refusal) return refusal;
        UserProof proof = ProofOf(request, command.Origin, parent);
        if (CheckUser(ledger, command.Origin, proof) is { } userRefusal) return userRefusal;

        if (agent.CheckOpenSession(ledger.Now) is { } bound) return bound;
        long? left = null;
        if (parent is not null)
        {
            RunRoom room = RunRoom.Below(parent);
            long planned = Math.Max(1, request.SubagentsPlanned);
            if (room.Left < planned) return new Answer(Outcome.RunCeilingReached, Faults: [room.ToFault(planned)]);
            left = room.Left - 1;
        }

        if (CheckKnownSessions(ledger, agent) is { } sessionsBound) return sessionsBound;
        LedgerEvent opened = asked.NewEvent(command.Actor);
        (opened.Spender, opened.SessionOpened) = Opened(ledger, request, agent, useCase, parent, command.Origin);
        SetOrigin(opened.SessionOpened, command.Origin, parent, proof);
        AddUserWindows(ledger, opened);
        if (opened.SessionOpened.UserWindows.Count > 0 && CheckUserBudgets(ledger, agent) is { } usersBound)
            return usersBound;

        opened.SessionOpened.Confirmation = Bound(command.Confirmation, parent?.Opened.Confirmation);
        if (left is not null) opened.SessionOpened.Delegation.SubagentsLeft = left.Value;
        ledger.Emit(opened);
        return new Answer(Outcome.Done, opened);
    }

    // A call may be under way while what it came with is ended, and a session would outlive the end.
    private static bool IsLive(TenantLedger ledger, SessionOrigin? origin, string user) =>
        origin is null
        || (origin.Credentials.All(number => ledger.Credentials.Find(number, ledger.Now)?.IsLive(ledger.Now) == true)
            && !origin.AccessTokens.Any(ledger.Credentials.IsRevoked)
            && !(origin.IsUserProven && ledger.Credentials.IsRevokedFor(user, origin.DelegationStartNanos)));

    private static Answer? CheckParent(SessionAccount? parent)
    {
        if (parent is null) return new Answer(Outcome.SessionNotFound);
        if (!parent.IsOpen) return new Answer(Outcome.SessionNotOpen);
        return parent.CheckOpen().IsRefused ? new Answer(Outcome.SessionSuspended) : null;
    }

    // Whoever opens many sessions meets its own bound before others meet the tenant's.
    private static Answer? CheckKnownSessions(TenantLedger ledger, AgentAccount agent)
    {
        string? description = null;
        if (agent.Sessions >= TenantLedger.SessionsOfOneMax)
        {
            description = $"{agent.Name} has {TenantLedger.SessionsOfOneMax} sessions that are open, ended within 24 "
                + "hours or kept for late commits: wait until older ones are forgotten";
        }
        else if (ledger.KnownSessions >= TenantLedger.SessionsMax)
        {
            description =
                $"the tenant has {TenantLedger.SessionsMax} sessions that are open or ended within 24 hours";
        }

        return description is null
            ? null
            : new Answer(Outcome.BoundReached, Faults: [new Fault("sessions", description)]);
    }

    // Whoever brings many users meets its own bound before those of others do.
    private static Answer? CheckUserBudgets(TenantLedger ledger, AgentAccount agent)
    {
        string? description = null;
        if (agent.KnownUserBudgets > TenantLedger.UserBudgetsOfOneMax - UserBudgetsAtOnceMax)
            description = $"{agent.Name} brought {TenantLedger.UserBudgetsOfOneMax} budgets of users";
        else if (ledger.KnownUserBudgets > TenantLedger.UserBudgetsMax - UserBudgetsAtOnceMax)
            description = $"the tenant remembers {TenantLedger.UserBudgetsMax} budgets of users";
        if (description is null) return null;
        Fault fault = new("on_behalf_of", $"{description}, and this user has none yet");
        return new Answer(Outcome.BoundReached, Faults: [fault]);
    }

    public static void Apply(TenantLedger ledger, LedgerEvent ledgerEvent)
    {
        Spender spender = ledgerEvent.Spender;
        Invariant.Holds(spender.Session == Names.Session(ledgerEvent.Sequence));
        SessionAccount session =
            NewSession(ledger, ledgerEvent.Sequence, spender, ledgerEvent.SessionOpened, ledger.LogTimeNanos);
        Dictionary<(string, string), long> ends = ledgerEvent.SessionOpened.UserWindows.ToDictionary(
            window => (window.Grain, window.Window),
            window => LogTime.FromOptionalTimestamp(window.EndTime));
        session.LeadOver(ledger.UsersOf(
            spender,
            (grain, window) => new PeriodBounds(ends.GetValueOrDefault((grain, window)), StartNanos: null)));
        session.CountAsSubagent();
        session.Agent.CountOpened(ledger.LogTimeNanos);
        ledger.AddSession(session);
        ledger.SetDeadline(session.Deadline, session.ExpireNanos);
    }

    // Windows of the user that are not there yet. One for every window, so that replay knows where its period ends.
    private static void AddUserWindows(TenantLedger ledger, LedgerEvent opened)
    {
        foreach ((string name, IReadOnlyList<Protocol.V1.Budget> windows) in ledger.UserWindowsOf(opened.Spender))
        {
            if (ledger.Accounts.ContainsKey(name)) continue;
            foreach (Protocol.V1.Budget window in windows)
            {
                long endNanos = PeriodCalendar.EndAfter(window, ledger.Catalog.Zone, ledger.Now);
                opened.SessionOpened.UserWindows.Add(new UserWindow
                {
                    Grain = name,
                    Window = WindowName.Of(window),
                    EndTime = LogTime.ToOptionalTimestamp(endNanos),
                });
            }
        }
    }

    /// <summary>The account of a session, with the accounts that its path names; all of them are known.</summary>
    public static SessionAccount NewSession(
        TenantLedger ledger, long number, Spender spender, SessionOpened opened, long openNanos) => new(
            number,
            spender,
            opened,
            openNanos,
            spender.Parent.Length == 0 ? null : ledger.SessionOf(spender.Parent),
            (AgentAccount)ledger.AccountOf(spender.Agent),
            (UseCaseAccount)ledger.AccountOf(spender.UseCase),
            (BusinessUnitAccount)ledger.AccountOf(spender.BusinessUnit),
            ledger.Tenant);

    /// <summary>
    /// How long a session may live from now: what is asked for, within the agent's time, what is left, and the life of
    /// the session above it.
    /// </summary>
    public static long ExpireNanos(
        long nowNanos, long askedNanos, AgentAccount agent, long lifetimeEndNanos, SessionAccount? parent)
    {
        long ttlNanos = askedNanos == 0 ? agent.SessionTtlNanos : Math.Min(askedNanos, agent.SessionTtlNanos);
        long expireNanos = Math.Min(nowNanos + ttlNanos, lifetimeEndNanos);
        return parent is null ? expireNanos : Math.Min(expireNanos, parent.ExpireNanos);
    }

    private static Answer NotDelegated(Outcome outcome, string field, SessionAccount parent, Account asked)
    {
        string description = $"the catalog does not let {parent.Agent.Name} delegate to {asked.Name}";
        return new Answer(outcome, Faults: [new Fault(field, description)]);
    }

    // What the request asks for beyond what its agent, its parent and the catalog allow; null for nothing.
    private static Answer? CheckAsked(
        TenantLedger ledger, OpenSessionRequest request, AgentAccount agent, SessionAccount? parent)
    {
        if (Outside(request.Tools, agent.Tools, "tools", agent.Name) is { } tools)
            return new Answer(Outcome.ToolOutOfScope, Faults: tools);
        if (Outside(request.Models, agent.Models, "models", agent.Name) is { } models)
            return new Answer(Outcome.ModelOutOfScope, Faults: models);
        if (parent is not null)
        {
            if (Outside(request.Tools, parent.Tools, "tools", parent.Name) is { } parentTools)
                return new Answer(Outcome.ToolOutOfScope, Faults: parentTools);
            if (Outside(request.Models, parent.Models, "models", parent.Name) is { } parentModels)
                return new Answer(Outcome.ModelOutOfScope, Faults: parentModels);
            if (request.OnBehalfOf.Length > 0 && request.OnBehalfOf != parent.Spender.OnBehalfOf)
            {
                string description = $"must be the user of {parent.Name}, or nobody";
                return new Answer(Outcome.UserOutOfScope, Faults: [new Fault("on_behalf_of", description)]);
            }
        }

        if (ledger.Catalog.TagFaults(request.Tags) is { } tags) return new Answer(Outcome.TagInvalid, Faults: tags);
        Fault? currency = ledger.Catalog.CurrencyFault(request.Ceilings?.CostPerSession, "ceilings.costPerSession")
            ?? ledger.Catalog.CurrencyFault(request.Ceilings?.Run?.Cost, "ceilings.run.cost");
        return currency is null ? null : new Answer(Outcome.CurrencyInvalid, Faults: [currency]);
    }

    // Whom it works for: where it does not say, the user of the session above it.
    private static string UserOf(OpenSessionRequest request, SessionAccount? parent) =>
        parent is not null && request.OnBehalfOf.Length == 0 && !request.Unattended
            ? parent.Spender.OnBehalfOf
            : request.OnBehalfOf;

    // How it is known whom the session works for.
    private static UserProof ProofOf(OpenSessionRequest request, SessionOrigin? origin, SessionAccount? parent)
    {
        bool inheritsUser = parent is not null && !request.Unattended;
        bool hasUser = request.OnBehalfOf.Length > 0 || (inheritsUser && parent!.Spender.OnBehalfOf.Length > 0);
        if (!hasUser) return UserProof.Unspecified;
        if (origin is { IsUserProven: true }) return UserProof.Proven;
        return inheritsUser && parent!.Opened.UserProof == UserProof.Proven ? UserProof.Proven : UserProof.Claimed;
    }

    private static Answer? CheckUser(TenantLedger ledger, SessionOrigin? origin, UserProof proof)
    {
        bool isOver = origin is { DelegationEndNanos: > 0 } && origin.DelegationEndNanos <= ledger.Now;
        bool isUnproven = proof == UserProof.Claimed && ledger.Catalog.Head.RequireProvenUsers;
        if (!isOver && !isUnproven) return null;
        string description = isOver
            ? "is a user whose token has expired: exchange a newer one"
            : "must be proven in this tenant: exchange the user's own token, and open the session with that";
        return new Answer(Outcome.UserOutOfScope, Faults: [new Fault("on_behalf_of", description)]);
    }

    private static void SetOrigin(
        SessionOpened opened, SessionOrigin? origin, SessionAccount? parent, UserProof proof)
    {
        opened.UserProof = proof;
        if (origin is { IsUserProven: true, DelegationStartNanos: > 0 })
            opened.DelegationTime = LogTime.ToTimestamp(origin.DelegationStartNanos);
        opened.Credentials.Add(origin?.Credentials ?? parent?.Opened.Credentials ?? []);
        opened.AccessTokens.Add(origin?.AccessTokens ?? parent?.Opened.AccessTokens ?? []);
    }

    private static (Spender Spender, SessionOpened Opened) Opened(
        TenantLedger ledger,
        OpenSessionRequest request,
        AgentAccount agent,
        UseCaseAccount useCase,
        SessionAccount? parent,
        SessionOrigin? origin)
    {
        long lifetimeEndNanos =
            Math.Min(ledger.Now + agent.SessionLifetimeNanos, parent?.LifetimeEndNanos ?? long.MaxValue);
        // What a user gave for a time is used no longer.
        if (origin is { DelegationEndNanos: > 0 })
            lifetimeEndNanos = Math.Min(lifetimeEndNanos, origin.DelegationEndNanos);
        long askedNanos = request.Ttl is null ? 0 : LogTime.FromDuration(request.Ttl);
        SessionCeilings ceilings = SessionCeilings.From(request.Ceilings).NarrowedTo(agent.Ceilings);
        if (parent is not null) ceilings = ceilings.NarrowedToParent(parent.Ceilings);
        bool inheritsUser = parent is not null && request.OnBehalfOf.Length == 0 && !request.Unattended;
        var opened = new SessionOpened
        {
            Task = request.Task,
            Unattended = inheritsUser ? parent!.Opened.Unattended : request.Unattended,
            ExpireTime = LogTime.ToTimestamp(ExpireNanos(ledger.Now, askedNanos, agent, lifetimeEndNanos, parent)),
            LifetimeEndTime = LogTime.ToTimestamp(lifetimeEndNanos),
            Ceilings = ceilings.ToMessage(ledger.Catalog.Currency),
        };
        opened.Tools.Add(ScopeOf(request.Tools, agent.ToolPatterns, agent.Tools, parent?.Opened.Tools, parent?.Tools));
        opened.Models.Add(
            ScopeOf(request.Models, agent.ModelNames, agent.Models, parent?.Opened.Models, parent?.Models));
        if (parent is not null) opened.Tags.Add(parent.Opened.Tags);
        foreach (KeyValuePair<string, string> tag in request.Tags) opened.Tags[tag.Key] = tag.Value;
        var spender = new Spender
        {
            Session = Names.Session(ledger.Sequence + 1),
            Agent = agent.Name,
            UseCase = useCase.Name,
            BusinessUnit = Names.BusinessUnitPrefix + useCase.Model.BusinessUnit,
            OnBehalfOf = inheritsUser ? parent!.Spender.OnBehalfOf : request.OnBehalfOf,
        };
        if (parent is not null)
        {
            spender.Parent = parent.Name;
            spender.Run = parent.Root.Name;
            opened.Delegation = new Delegation { From = parent.Spender, Depth = parent.Depth + 1 };
        }

        return (spender, opened);
    }

    // What the parent's token is bound to, the child's is too: delegation adds bindings and drops none.
    private static Confirmation? Bound(Confirmation? asked, Confirmation? parents)
    {
        if (asked is null || parents is null) return asked ?? parents;
        return new Confirmation
        {
            CertificateSha256 =
                parents.CertificateSha256.Length > 0 ? parents.CertificateSha256 : asked.CertificateSha256,
            KeyThumbprint = parents.KeyThumbprint.Length > 0 ? parents.KeyThumbprint : asked.KeyThumbprint,
        };
    }

    // What is asked for; without a wish everything that the agent has, and below a parent everything that both have.
    // Patterns are names or whole namespaces, so one is within the other or they have nothing in common.
    private static IEnumerable<string> ScopeOf(
        RepeatedField<string> asked,
        IReadOnlyList<string> agents,
        Scope agentScope,
        RepeatedField<string>? parents,
        Scope? parentScope)
    {
        if (asked.Count > 0) return asked;
        if (parents is null) return agents;
        return agents.Where(parentScope!.Covers).Union(parents.Where(agentScope.Covers), StringComparer.Ordinal);
    }

    private static List<Fault>? Outside(RepeatedField<string> asked, Scope scope, string field, string owner)
    {
        List<Fault>? faults = null;
        for (int index = 0; index < asked.Count; index++)
        {
            if (scope.Covers(asked[index])) continue;
            (faults ??= []).Add(new Fault($"{field}[{index}]", $"{asked[index]} is not in the scope of {owner}"));
        }

        return faults;
    }

    private static AskedRequest AskedBy(OpenSessionCommand command)
    {
        OpenSessionRequest request = command.Request;
        ContentHash hash = new ContentHash(Operation.Open)
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
        hash = hash.Add(ceilings.TokensPerRequest)
            .Add(ceilings.CostNanos)
            .Add(ceilings.Tokens)
            .Add(ceilings.Steps)
            .Add(ceilings.ToolCalls)
            .Add(ceilings.OpenHolds)
            .Add(ceilings.Run.CostNanos)
            .Add(ceilings.Run.Subagents)
            .Add(ceilings.Run.ConcurrentSubagents)
            .Add(ceilings.Run.Depth)
            .Add(command.Parent)
            .Add(request.SubagentsPlanned)
            .AddNew(command.Confirmation is null ? 0 : 1);
        // Requests of releases that knew no bindings keep their fingerprints.
        if (command.Confirmation is { } confirmation)
            hash = hash.Add(confirmation.CertificateSha256).Add(confirmation.KeyThumbprint);
        return hash.Of(Principals.OfActor(command.Actor), request.RequestId);
    }
}
