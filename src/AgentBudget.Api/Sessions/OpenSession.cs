using AgentBudget.Api.Access;
using AgentBudget.Grains;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;

namespace AgentBudget.Api.Sessions;

/// <summary>OpenSession: validate, open, mint the token that the session spends with.</summary>
internal sealed class OpenSession(ApiContext context)
{
    internal async ValueTask<OpenSessionResponse> HandleAsync(OpenSessionRequest request, RpcCall call)
    {
        FieldFaults faults = default;
        Check(request, ref faults);
        faults.ThrowIfAny();

        string tenant = context.Callers.TenantOf(call);
        string actor = CallerScope.CallerOf(call).Principal;
        Answer answer = await context.SubmitAsync(tenant, new OpenSessionCommand(request, actor));
        Session session = SessionViews.Opened(answer.Event!, await context.CurrencyOfAsync(tenant));
        return new OpenSessionResponse
        {
            Session = session,
            SessionToken = context.Tokens.Mint(SessionViews.CallerOf(session, tenant)),
        };
    }

    private static void Check(OpenSessionRequest request, ref FieldFaults faults)
    {
        FieldChecks.RequestId(ref faults, request.RequestId);
        FieldChecks.Name(ref faults, "agent", request.Agent, Names.AgentPrefix, isRequired: true);
        FieldChecks.Name(ref faults, "use_case", request.UseCase, Names.UseCasePrefix, isRequired: true);
        FieldChecks.Text(ref faults, "task", request.Task);
        FieldChecks.Text(ref faults, "on_behalf_of", request.OnBehalfOf);
        if (request.Unattended == (request.OnBehalfOf.Length > 0))
            faults.Add("on_behalf_of", "must name the user, or unattended must say that there is none, not both");
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
    }
}
