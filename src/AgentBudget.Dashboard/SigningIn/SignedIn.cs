using AgentBudget.Client;

namespace AgentBudget.Dashboard.SigningIn;

/// <summary>Somebody who is signed in, for as long as that lasts.</summary>
/// <param name="Id">Names it, and is no secret.</param>
/// <param name="Credential">What it calls with.</param>
/// <param name="Tenant">The tenant that the operator's key acts on; null where the credential says it.</param>
/// <param name="Role">What the credential is for.</param>
/// <param name="End">When it is over by itself.</param>
internal sealed record SignedIn(
    string Id, string Credential, string? Tenant, ViewerRole Role, DateTimeOffset End) : IAsyncDisposable
{
    private readonly CancellationTokenSource _ended = new();

    /// <summary>It is over since whoever signed in said so.</summary>
    internal bool IsSignedOut { get; set; }

    /// <summary>The public part of the credential, "acme.c17"; empty for the operator's key.</summary>
    internal string KeyId
    {
        get
        {
            int begin = Credential.IndexOf('_', StringComparison.Ordinal) + 1;
            int end = Credential.LastIndexOf('.');
            return end > begin ? Credential[begin..end] : "";
        }
    }

    /// <summary>Calls the API as whoever signed in.</summary>
    internal required AgentBudgetClient Client { get; init; }

    /// <summary>Fires when it is over.</summary>
    internal CancellationToken Ended => _ended.Token;

    /// <summary>Ends it for every page that is open.</summary>
    public async ValueTask DisposeAsync()
    {
        await _ended.CancelAsync();
        await Client.DisposeAsync();
    }
}
