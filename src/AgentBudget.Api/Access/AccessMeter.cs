using System.Diagnostics.Metrics;
using AgentBudget.Identity;

namespace AgentBudget.Api.Access;

/// <summary>Secrets that were refused, of all tenants together. Each silo of a process has its own.</summary>
public sealed class AccessMeter : IDisposable
{
    /// <summary>Reads the counts of a directory when somebody asks.</summary>
    public AccessMeter(CredentialDirectory directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        Meter.CreateObservableCounter(
            "agentbudget.secrets.refused",
            () => (Measurement<long>[])
                [
                    new(directory.WrongSecrets, new KeyValuePair<string, object?>("credential", "known")),
                    new(directory.UnknownCredentials, new KeyValuePair<string, object?>("credential", "unknown")),
                ],
            "{secret}",
            "Secrets and assertions that did not prove a credential, by whether there is such a credential.");
    }

    /// <summary>What is measured here.</summary>
    public Meter Meter { get; } = new("AgentBudget.Access");

    /// <inheritdoc/>
    public void Dispose() => Meter.Dispose();
}
