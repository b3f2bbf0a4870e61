namespace AgentBudget.Api.OAuth;

/// <summary>
/// The service's own name in tokens and metadata, a URL without a path. It may follow from where the silo listens, so it
/// is asked for when it is needed.
/// </summary>
/// <param name="Name">Answers it.</param>
public sealed record Issuer(Func<string> Name);
