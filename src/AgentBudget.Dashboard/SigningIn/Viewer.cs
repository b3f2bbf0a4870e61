using AgentBudget.Client;
using Microsoft.AspNetCore.Components.Authorization;

namespace AgentBudget.Dashboard.SigningIn;

/// <summary>Who looks at a page.</summary>
internal sealed class Viewer(AuthenticationStateProvider state, SessionStore sessions)
{
    private SignedIn? _signedIn;

    /// <summary>What the credential is for.</summary>
    internal ViewerRole Role => Known.Role;

    /// <summary>Calls as whoever looks.</summary>
    internal AgentBudgetClient Client => Known.Client;

    /// <summary>Fires when whoever looks is signed out.</summary>
    internal CancellationToken Ended => Known.Ended;

    /// <summary>Whether whoever looked signed out, here or on another page.</summary>
    internal bool IsSignedOut => _signedIn is { IsSignedOut: true };

    internal string Id => Known.Id;

    /// <summary>The public part of the credential, "acme.c17"; empty for the operator's key.</summary>
    internal string KeyId => Known.KeyId;

    /// <summary>Whether it is the operator's key, which is of no tenant.</summary>
    internal bool IsOperator => Role == ViewerRole.Admin && KeyId.Length == 0;

    /// <summary>The tenant that is looked at; null where the operator's key names none, as there is one.</summary>
    internal string? Tenant => IsOperator ? Known.Tenant : KeyId[..Math.Max(0, KeyId.LastIndexOf('.'))];

    /// <summary>When the sign-in is over by itself.</summary>
    internal DateTimeOffset End => Known.End;

    private SignedIn Known => _signedIn ?? throw new InvalidOperationException("A page is shown before its viewer.");

    /// <summary>Finds out who looks. False where nobody is signed in any more.</summary>
    internal async Task<bool> FindAsync()
    {
        if (_signedIn is not null) return !_signedIn.Ended.IsCancellationRequested;
        AuthenticationState known = await state.GetAuthenticationStateAsync();
        if (known.User.FindFirst(SessionCookie.IdClaim)?.Value is { } id) _signedIn = sessions.FindLive(id);
        return _signedIn is not null;
    }
}
