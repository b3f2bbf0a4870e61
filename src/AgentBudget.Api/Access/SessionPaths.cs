using AgentBudget.Identity;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Api.Access;

/// <summary>Whose a session is, as its messages say.</summary>
internal static class SessionPaths
{
    internal static SessionPath PathOf(this Session session) =>
        new(session.Agent, session.UseCase, session.BusinessUnit, session.OnBehalfOf);
}
