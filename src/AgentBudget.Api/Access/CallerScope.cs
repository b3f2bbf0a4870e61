using AgentBudget.Api.Errors;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Ledger;

namespace AgentBudget.Api.Access;

/// <summary>A session that a call speaks of: whose it is and its number there.</summary>
/// <param name="Tenant">The tenant's id.</param>
/// <param name="Number">The session's number.</param>
/// <param name="Owner">
/// Who named it without its token, and speaks for part of its tenant only: the session is looked at before anything is
/// done to it.
/// </param>
internal readonly record struct SessionPlace(string Tenant, long Number, CredentialCaller? Owner = null)
{
    /// <summary>Nothing was named.</summary>
    internal bool IsNone => Number == 0;
}

/// <summary>Finds the tenant and the session that a call is about, within what its caller may touch.</summary>
internal sealed class CallerScope(ITenantHost host, SessionTokens tokens)
{
    /// <summary>Where the operator names the tenant.</summary>
    internal const string TenantHeader = "agentbudget-tenant";

    /// <summary>Who calls. The guard has seen to it that there is somebody.</summary>
    internal static Caller CallerOf(ApiCall call) => call.Caller ?? throw ApiErrors.CredentialInvalid();

    /// <summary>
    /// The tenant that a call is about: its caller's own; for the operator the one named, or the only one. Another than
    /// its own is for a caller like one that is not there.
    /// </summary>
    internal string TenantOf(ApiCall call)
    {
        Caller caller = CallerOf(call);
        return caller is SessionCaller session ? session.Tenant : TenantOf(caller, call.GetMetadata(TenantHeader));
    }

    /// <summary>The same for a request of an ordinary route, whose header may name a tenant.</summary>
    internal string TenantOf(Caller caller, string? header)
    {
        string? asked = TenantNamedBy(header);
        if (caller is CredentialCaller holder)
        {
            return asked is not null && asked != holder.Tenant
                ? throw ApiErrors.TenantNotFound()
                : holder.Tenant;
        }

        if (asked is not null)
            return asked;
        IReadOnlyList<string> tenants = host.Tenants;
        if (tenants.Count == 1)
            return tenants[0];
        if (tenants.Count == 0)
            throw ApiErrors.TenantNotFound();
        FieldFaults faults = default;
        faults.Add(TenantHeader, "must name the tenant in the metadata of the call, because there are several");
        throw faults.ToException();
    }

    /// <summary>The tenant in the metadata, or null.</summary>
    internal static string? TenantNamedBy(ApiCall call) => TenantNamedBy(call.GetMetadata(TenantHeader));

    private static string? TenantNamedBy(string? named)
    {
        if (string.IsNullOrEmpty(named))
            return null;
        ReadOnlySpan<char> id = named.StartsWith(Names.TenantPrefix, StringComparison.Ordinal)
            ? named.AsSpan(Names.TenantPrefix.Length)
            : named;
        if (!FieldRules.IsId(id))
            throw ApiErrors.TenantNotFound();
        return id.Length == named.Length ? named : id.ToString();
    }

    /// <summary>
    /// The session of a spend: the one whose token the message carries, or the caller itself. A fault when there is
    /// none.
    /// </summary>
    internal SessionPlace SessionOf(ApiCall call, string sessionToken, ref FieldFaults faults) =>
        SessionOf(call, AccessPolicy.Of(call.Method), sessionToken, ref faults);

    /// <summary>
    /// The same by the rule of one method, which on a stream of many methods' items is not that of the call.
    /// </summary>
    internal SessionPlace SessionOf(ApiCall call, AccessRule rule, string sessionToken, ref FieldFaults faults)
    {
        Caller who = CallerOf(call);
        if ((rule.Roles & who.Role) == Roles.None)
            throw ApiErrors.RoleForbidden();
        SessionCaller? caller = who as SessionCaller;
        if (sessionToken.Length == 0)
        {
            if (caller is not null)
                return PlaceOf(caller);
            faults.Add("session_token", "must be the token that OpenSession answered");
            return default;
        }

        if (!tokens.TryReadShared(sessionToken, rule.TakesEnded, out SessionCaller? named)
            || (named.Binding is not null && !IsSender(call, named.Binding)))
        {
            throw ApiErrors.SessionTokenInvalid();
        }

        if (caller is not null && !IsSame(caller, named))
            throw ApiErrors.RoleForbidden();
        // A shown token is the right to speak for its session, as far as its caller may; what is beyond does not exist.
        // Its business unit is not in the token: an owner of one names sessions by name.
        if (who is CredentialCaller holder
            && (named.Tenant != holder.Tenant || !holder.MaySpeakFor(PathOf(named))))
        {
            throw ApiErrors.SessionNotFound();
        }

        return PlaceOf(named);
    }

    /// <summary>
    /// The session named by token or by name, or the caller itself. A fault when there is none, or both.
    /// </summary>
    internal SessionPlace SessionOf(ApiCall call, string sessionToken, string session, ref FieldFaults faults)
    {
        if (session.Length == 0)
            return SessionOf(call, sessionToken, ref faults);
        if (sessionToken.Length > 0)
        {
            faults.Add("session", "must be empty when session_token is given");
            return default;
        }

        // A name that no session can have is a session that does not exist, and one of somebody else is no different.
        if (!Names.TryParseSession(session, out long number))
            throw ApiErrors.SessionNotFound();
        Caller caller = CallerOf(call);
        if (caller.Reach == Reach.Token && !(caller is SessionCaller own && own.Session == session))
            throw ApiErrors.SessionNotFound();
        CredentialCaller? owner = caller is CredentialCaller { IsRestricted: true } restricted ? restricted : null;
        return new SessionPlace(TenantOf(call), number, owner);
    }

    // Whether the call comes from where a token is bound to.
    private static bool IsSender(ApiCall call, TokenBinding binding) =>
        TokenBinding.IsShown(binding.CertificateSha256, call.Origin.CertificateSha256)
        && (binding.KeyThumbprint.Length == 0 || binding.KeyThumbprint == CallerOf(call).ProvenKey);

    private static SessionPath PathOf(SessionCaller named) =>
        new(named.Agent, named.UseCase, BusinessUnit: "", named.OnBehalfOf);

    private static bool IsSame(SessionCaller caller, SessionCaller named) =>
        ReferenceEquals(caller, named) || (caller.Tenant == named.Tenant && caller.Session == named.Session);

    private static SessionPlace PlaceOf(SessionCaller caller) =>
        Names.TryParseSession(caller.Session, out long number)
            ? new SessionPlace(caller.Tenant, number)
            : throw ApiErrors.SessionTokenInvalid();
}
