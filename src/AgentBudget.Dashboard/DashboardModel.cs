namespace AgentBudget.Dashboard;

/// <summary>What a dashboard is given by whoever hosts it.</summary>
public sealed record DashboardModel
{
    /// <summary>Where the public API answers gRPC. Asked for when it is first needed.</summary>
    public required Func<Uri> Api { get; init; }

    /// <summary>The file that remembers who is signed in; without a cookie nothing in it can be read.</summary>
    public required string SessionsFile { get; init; }

    /// <summary>The credential that a one-time link signs in with, and the tenant that it acts on.</summary>
    public required Func<(string Credential, string? Tenant)> LinkCredential { get; init; }
}
