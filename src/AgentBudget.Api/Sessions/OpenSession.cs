using AgentBudget.Api.Access;
using AgentBudget.Api.Errors;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Ledger.Requests;
using AgentBudget.Protocol.V1;
using Outcome = AgentBudget.Ledger.Outcome;

namespace AgentBudget.Api.Sessions;

/// <summary>OpenSession: validate, open, mint the token that the session spends with.</summary>
internal sealed class OpenSession(ApiContext context)
{
    private const long NanosPerSecond = 1_000_000_000;

    internal async ValueTask<OpenSessionResponse> HandleAsync(OpenSessionRequest request, ApiCall call)
    {
        FieldFaults faults = default;
        // A session opens nothing but its own subagents.
        Caller caller = CallerScope.CallerOf(call);
        bool isSubagent = request.ParentSessionToken.Length > 0 || caller is SessionCaller;
        string? self = isSubagent ? null : OwnScope.Of(call)?.Agent;
        if (request.Agent.Length == 0 && self is not null)
            request.Agent = self;
        if (caller is CredentialCaller { OnBehalfOf.Length: > 0 } delegated)
            WorkFor(delegated.OnBehalfOf, request, ref faults);
        Check(request, isSubagent, ref faults);
        SessionPlace parent =
            isSubagent ? context.Callers.SessionOf(call, request.ParentSessionToken, ref faults) : default;
        Confirmation? confirmation = ConfirmationOf(request, call, ref faults);
        faults.ThrowIfAny();
        // Another agent is for an agent like one that is not there.
        if (self is not null && request.Agent != self)
            throw ErrorMap.Of(Outcome.AgentNotFound);

        // A retry may come with a renewed token, and no token belongs into the ledger.
        request.ParentSessionToken = "";
        string tenant = isSubagent ? parent.Tenant : context.Callers.TenantOf(call);
        Answer answer = await context.SubmitAsync(
            tenant,
            new OpenSessionCommand(request, caller.Principal, parent.Number, confirmation, OriginOf(caller)),
            self is not null || caller is SessionCaller or CredentialCaller { Role: Roles.Agent } ? Hide : null);
        // Of a release whose ids were the tenant's: the token is for who opened the session, and for nobody else.
        if (Principals.OfActor(answer.Event!.Actor) != Principals.OfActor(caller.Principal))
            throw ErrorMap.Of(Outcome.KeyReused);
        Session session = SessionViews.Opened(answer.Event!, await context.CurrencyOfAsync(tenant));
        OpenSessionResponse response = new()
        {
            Session = session,
            SessionToken = context.Tokens.Mint(SessionViews.CallerOf(session, tenant)),
        };
        if (answer.Event!.SessionOpened.Delegation is { HasSubagentsLeft: true } delegation)
            response.SubagentsLeft = delegation.SubagentsLeft;
        return response;
    }

    // A session's own token opens subagents with what the session was opened with: the ledger knows it.
    private static SessionOrigin? OriginOf(Caller caller)
    {
        if (caller is not CredentialCaller holder)
            return null;
        IReadOnlyList<TokenSource> sources = holder.Token?.Sources ?? [];
        IEnumerable<long> before = sources.Select(source => CredentialDirectory.NumberOfKeyId(source.ClientId));
        IEnumerable<string> tokens = sources.Select(source => source.Id);
        return new SessionOrigin(
            [holder.Credential.Number, .. before],
            holder.Token is { } token ? [token.Id, .. tokens] : [],
            IsUserProven: holder.OnBehalfOf.Length > 0,
            DelegationEndNanos: (holder.Token?.DelegationEndSeconds ?? 0) * NanosPerSecond,
            DelegationStartNanos: (holder.Token?.DelegationStartSeconds ?? 0) * NanosPerSecond);
    }

    // What the token is to be bound to: what this call comes with.
    private static Confirmation? ConfirmationOf(OpenSessionRequest request, ApiCall call, ref FieldFaults faults)
    {
        switch (request.SenderConstraint)
        {
            case SenderConstraint.Unspecified:
                return null;
            case SenderConstraint.Certificate:
                string certificate = call.Origin.CertificateSha256 ?? "";
                if (certificate.Length == 0)
                    faults.Add("sender_constraint", "asks for a client certificate, and this connection shows none");
                return new Confirmation { CertificateSha256 = certificate };
            case SenderConstraint.ProofKey:
                string key = CallerScope.CallerOf(call).ProvenKey;
                if (key.Length == 0)
                    faults.Add("sender_constraint", "asks for a DPoP proof of this call, and there is no fresh one");
                return new Confirmation { KeyThumbprint = key };
            default:
                FieldChecks.Defined(ref faults, "sender_constraint", request.SenderConstraint);
                return null;
        }
    }

    // What an agent may not work for or delegate to is for the agent and its sessions like what is not there.
    private static Outcome Hide(Outcome outcome) => outcome switch
    {
        Outcome.UseCaseOutOfScope or Outcome.UseCaseNotDelegated => Outcome.UseCaseNotFound,
        Outcome.AgentNotDelegated => Outcome.AgentNotFound,
        _ => outcome,
    };

    // An access token that was exchanged for a user's speaks for that user, and for no other.
    private static void WorkFor(string user, OpenSessionRequest request, ref FieldFaults faults)
    {
        if (request.Unattended || (request.OnBehalfOf.Length > 0 && request.OnBehalfOf != user))
            faults.Add("on_behalf_of", "must be the user that the access token is for, or empty");
        else
            request.OnBehalfOf = user;
    }

    private static void Check(OpenSessionRequest request, bool isSubagent, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Name(ref faults, "agent", request.Agent, Names.AgentPrefix, isRequired: !isSubagent);
        FieldChecks.Name(ref faults, "use_case", request.UseCase, Names.UseCasePrefix, isRequired: !isSubagent);
        FieldChecks.Text(ref faults, "task", request.Task);
        request.OnBehalfOf = SessionChecks.User(ref faults, request.OnBehalfOf);
        bool isSilent = !request.Unattended && request.OnBehalfOf.Length == 0;
        if (request.Unattended == (request.OnBehalfOf.Length > 0) && !(isSubagent && isSilent))
            faults.Add("on_behalf_of", "must name the user, or unattended must say that there is none, not both");
        FieldChecks.Count(ref faults, "subagents_planned", request.SubagentsPlanned);
        SessionChecks.Ttl(ref faults, request.Ttl);
        FieldChecks.Tags(ref faults, request.Tags);
        if (request.Ceilings is { } ceilings)
            Check(ceilings, ref faults);
        if (request.Tools.Count > FieldRules.ScopeItemsMax)
            faults.Add("tools", "must be at most 500");
        if (request.Models.Count > FieldRules.ScopeItemsMax)
            faults.Add("models", "must be at most 500");
        for (int index = 0; index < Math.Min(request.Tools.Count, FieldRules.ScopeItemsMax); index++)
        {
            if (!FieldRules.IsToolScope(request.Tools[index]))
                faults.Add($"tools[{index}]", "must be a tool such as crm.read, or a namespace such as crm.*");
        }

        for (int index = 0; index < Math.Min(request.Models.Count, FieldRules.ScopeItemsMax); index++)
        {
            if (!FieldRules.IsWord(request.Models[index]))
                faults.Add($"models[{index}]", "must be a model's id, printable ASCII without spaces");
        }
    }

    private static void Check(Ceilings ceilings, ref FieldFaults faults)
    {
        FieldChecks.Count(ref faults, "ceilings.tokens_per_request", ceilings.TokensPerRequest);
        FieldChecks.Money(ref faults, "ceilings.cost_per_session", ceilings.CostPerSession, isZeroRight: true);
        FieldChecks.Count(ref faults, "ceilings.tokens_per_session", ceilings.TokensPerSession);
        FieldChecks.Count(ref faults, "ceilings.steps_per_session", ceilings.StepsPerSession);
        FieldChecks.Count(ref faults, "ceilings.tool_calls_per_session", ceilings.ToolCallsPerSession);
        FieldChecks.Count(ref faults, "ceilings.open_holds", ceilings.OpenHolds);
        if (ceilings.Run is not { } run)
            return;
        FieldChecks.Money(ref faults, "ceilings.run.cost", run.Cost, isZeroRight: true);
        FieldChecks.Count(ref faults, "ceilings.run.subagents", run.Subagents);
        FieldChecks.Count(ref faults, "ceilings.run.concurrent_subagents", run.ConcurrentSubagents);
        FieldChecks.Count(ref faults, "ceilings.run.depth", run.Depth);
    }
}
