using AgentBudget.Notifications;

namespace AgentBudget.Silo.Options;

/// <summary>One mail address.</summary>
internal sealed class MailAddressAttribute(string key) : ValueAttribute(key)
{
    /// <inheritdoc/>
    protected override string? FaultOf(string value) => EndpointTarget.IsMailAddress(value)
        ? null
        : $"must be a mail address such as budget@acme.test, not {value}.";
}
