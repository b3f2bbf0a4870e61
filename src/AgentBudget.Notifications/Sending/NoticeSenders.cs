using AgentBudget.Protocol.Notifier.V1;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Notifications.Sending;

/// <summary>Sends by the endpoint's kind.</summary>
internal sealed class NoticeSenders(INoticeSender http, INoticeSender mail) : INoticeSender
{
    public Task<SendResult> SendAsync(
        string tenant, EndpointBook endpoint, Notice notice, CancellationToken cancellationToken) =>
        (endpoint.Kind == EndpointKind.Email ? mail : http).SendAsync(tenant, endpoint, notice, cancellationToken);
}
