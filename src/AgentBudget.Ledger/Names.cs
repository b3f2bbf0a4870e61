using System.Globalization;

namespace AgentBudget.Ledger;

/// <summary>
/// Resource names. Sessions are named after the sequence of the event that made them, so a name in the hand of an
/// auditor is the place in the ledger.
/// </summary>
public static class Names
{
    /// <summary>Prefix of tenants.</summary>
    public const string TenantPrefix = "tenants/";

    /// <summary>Prefix of business units.</summary>
    public const string BusinessUnitPrefix = "businessUnits/";

    /// <summary>Prefix of use cases.</summary>
    public const string UseCasePrefix = "useCases/";

    /// <summary>Prefix of agents.</summary>
    public const string AgentPrefix = "agents/";

    /// <summary>Prefix of users, where they name what ended sessions.</summary>
    public const string UserPrefix = "users/";

    /// <summary>Prefix of access tokens, where they name what ended sessions.</summary>
    public const string AccessTokenPrefix = "accessTokens/";

    /// <summary>What stands between the tenant and the number of a key id.</summary>
    public const string KeyIdSeparator = ".c";

    private const string DisputePrefix = "disputes/d";
    private const string ExtensionRequestPrefix = "extension-requests/x";
    private const string NotificationEndpointPrefix = "notification-endpoints/n";
    private const string CredentialPrefix = "credentials/c";
    private const string SessionPrefix = "sessions/s";

    /// <summary>What stands between an account and the models that a part of its budget is on.</summary>
    public const string ModelsInfix = "/models/";

    /// <summary>What stands between an account and the user that a part of its budget is of.</summary>
    public const string UsersInfix = "/users/";

    /// <summary>The name of an account's budget on models: <c>useCases/promo/models/claude-opus-*</c>.</summary>
    public static string Models(string account, string models) => account + ModelsInfix + models;

    /// <summary>The name of a user's budget with an account: <c>useCases/promo/users/kim@acme.test</c>.</summary>
    public static string User(string account, string user) => account + UsersInfix + user;

    /// <summary>
    /// The account that a budget on models or of a user is a part of; false for the name of a whole one. Ids have no
    /// slash, so the second one ends them.
    /// </summary>
    public static bool TryParsePart(string name, out string account, out string infix, out string part)
    {
        ArgumentNullException.ThrowIfNull(name);
        (account, infix, part) = (name, "", "");
        int first = name.IndexOf('/', StringComparison.Ordinal);
        int second = first < 0 ? -1 : name.IndexOf('/', first + 1);
        if (second < 0) return false;
        foreach (string known in (string[])[ModelsInfix, UsersInfix])
        {
            bool isPart = string.CompareOrdinal(name, second, known, 0, known.Length) == 0
                && name.Length > second + known.Length;
            if (!isPart) continue;
            (account, infix, part) = (name[..second], known, name[(second + known.Length)..]);
            return true;
        }

        return false;
    }

    /// <summary>The account of a name, and the user whose part of it is meant; empty for the whole.</summary>
    public static (string Account, string User) WholeAndUser(string name) =>
        TryParsePart(name, out string account, out string infix, out string part) && infix == UsersInfix
            ? (account, part)
            : (name, "");

    /// <summary>The name of the session with this number: <c>sessions/s17</c>.</summary>
    public static string Session(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{SessionPrefix}{number}");

    /// <summary>The name of the credential with this number: <c>credentials/c17</c>.</summary>
    public static string Credential(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{CredentialPrefix}{number}");

    /// <summary>The public part of a credential's secret, which any silo finds it by: <c>acme.c17</c>.</summary>
    public static string KeyId(string tenant, long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{tenant}{KeyIdSeparator}{number}");

    /// <summary>Reads a credential's name; false unless it is exactly as <see cref="Credential"/> writes it.</summary>
    public static bool TryParseCredential(string? name, out long number) =>
        TryParse(name, CredentialPrefix, out number);

    /// <summary>The name of the dispute with this number: <c>disputes/d17</c>.</summary>
    public static string Dispute(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{DisputePrefix}{number}");

    /// <summary>Reads a dispute's name; false unless it is exactly as <see cref="Dispute"/> writes it.</summary>
    public static bool TryParseDispute(string? name, out long number) => TryParse(name, DisputePrefix, out number);

    /// <summary>The name of the request for more with this number: <c>extension-requests/x17</c>.</summary>
    public static string ExtensionRequest(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{ExtensionRequestPrefix}{number}");

    /// <summary>Reads a request's name; false unless it is as <see cref="ExtensionRequest"/> writes it.</summary>
    public static bool TryParseExtensionRequest(string? name, out long number) =>
        TryParse(name, ExtensionRequestPrefix, out number);

    /// <summary>The name of the endpoint with this number: <c>notification-endpoints/n17</c>.</summary>
    public static string NotificationEndpoint(long number) =>
        string.Create(CultureInfo.InvariantCulture, $"{NotificationEndpointPrefix}{number}");

    /// <summary>Reads an endpoint's name; false unless it is as <see cref="NotificationEndpoint"/> writes it.</summary>
    public static bool TryParseNotificationEndpoint(string? name, out long number) =>
        TryParse(name, NotificationEndpointPrefix, out number);

    /// <summary>Reads a session's name; false unless it is exactly as <see cref="Session"/> writes it.</summary>
    public static bool TryParseSession(string? name, out long number) => TryParse(name, SessionPrefix, out number);

    private static bool TryParse(string? text, string prefix, out long number)
    {
        number = 0;
        return text is not null
            && text.StartsWith(prefix, StringComparison.Ordinal)
            && text.Length > prefix.Length
            && text[prefix.Length] != '0'
            && long.TryParse(text.AsSpan(prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out number);
    }
}
