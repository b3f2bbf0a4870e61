using AgentBudget.Api.Access;
using AgentBudget.Identity;
using AgentBudget.Ledger;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Catalogs;

/// <summary>SuspendAgent, ResumeAgent and DecommissionAgent: what moves an agent.</summary>
internal sealed class ChangeAgent(ApiContext context)
{
    internal async ValueTask<SuspendAgentResponse> SuspendAsync(SuspendAgentRequest request, ApiCall call)
    {
        Check(request.RequestId, request.Agent, request.Reason);
        string actor = CallerScope.CallerOf(call).Principal;
        await context.SubmitAsync(context.Callers.TenantOf(call), new SuspendAgentCommand(request, actor));
        return new SuspendAgentResponse { Agent = request.Agent, Standing = AgentStanding.Suspended };
    }

    internal async ValueTask<ResumeAgentResponse> ResumeAsync(ResumeAgentRequest request, ApiCall call)
    {
        (string agent, string user) = Names.WholeAndUser(request.Agent);
        bool isOfUser = UserNames.TryNormalize(user, out string normalized) && normalized == user;
        Check(request.RequestId, isOfUser ? agent : request.Agent, request.Reason);
        string actor = CallerScope.CallerOf(call).Principal;
        await context.SubmitAsync(context.Callers.TenantOf(call), new ResumeAgentCommand(request, actor));
        return new ResumeAgentResponse { Agent = request.Agent, Standing = AgentStanding.Active };
    }

    internal async ValueTask<DecommissionAgentResponse> DecommissionAsync(
        DecommissionAgentRequest request, ApiCall call)
    {
        Check(request.RequestId, request.Agent, request.Reason);
        string actor = CallerScope.CallerOf(call).Principal;
        Answer answer = await context.SubmitIdentityAsync(
            context.Callers.TenantOf(call), new DecommissionAgentCommand(request, actor));
        AgentDecommissioned decommissioned = answer.Event!.AgentDecommissioned;
        DecommissionAgentResponse response = new() { Agent = decommissioned.Agent };
        response.Sessions.AddRange(decommissioned.Sessions.Select(Names.Session));
        response.Credentials.AddRange(decommissioned.Credentials.Select(Names.Credential));
        return response;
    }

    private static void Check(string requestId, string agent, string reason)
    {
        FieldFaults faults = default;
        FieldChecks.RequestId(ref faults, requestId);
        FieldChecks.Name(ref faults, "agent", agent, Names.AgentPrefix, isRequired: true);
        FieldChecks.Text(ref faults, "reason", reason, charsMin: 1);
        faults.ThrowIfAny();
    }
}
