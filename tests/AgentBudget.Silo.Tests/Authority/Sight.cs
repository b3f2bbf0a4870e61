namespace AgentBudget.Silo.Tests.Authority;

/// <summary>What a caller is answered about something that it names.</summary>
internal enum Expected
{
    /// <summary>UNAUTHENTICATED, whatever is asked.</summary>
    Unauthenticated,

    /// <summary>PERMISSION_DENIED, whatever is named.</summary>
    Forbidden,

    /// <summary>Byte for byte what a name that nothing has is answered.</summary>
    Absent,

    /// <summary>Something else: it is there for the caller.</summary>
    There,

    /// <summary>Not told apart by the answer: see <see cref="Sight.IsTold"/>.</summary>
    Unasked,
}

/// <summary>
/// The rules of who may ask what of whom, in one table, written down apart from the product: the matrix of every
/// method, caller and name follows from it.
/// </summary>
internal sealed class Sight
{
    private const string Everybody = "admin agent kim gateway orchestrator session suspended foreign";

    // Takes the token of a session past its expiry.
    private const string TakesEnded = "CommitTokens ReleaseTokens EndSession RevokeSession GetSession WatchSession";

    /// <summary>
    /// By method, who may call it. The user's token is its agent; "suspended" is an agent that is, "foreign" an
    /// administrator of another tenant.
    /// </summary>
    private static readonly Dictionary<string, string> EveryCaller = new()
    {
        ["ReserveTokens"] = Everybody,
        ["CommitTokens"] = Everybody,
        ["ReleaseTokens"] = Everybody,
        ["AmendReservation"] = Everybody,
        ["RecordCost"] = Everybody,
        ["AuthorizeTool"] = Everybody,
        ["GetBalance"] = Everybody + " owner finance auditor",
        ["OpenSession"] = "admin agent kim orchestrator session foreign suspended",
        ["RenewSession"] = "admin agent kim orchestrator session foreign suspended",
        ["EndSession"] = "admin agent kim orchestrator session foreign suspended",
        ["RevokeSession"] = "admin agent kim orchestrator owner foreign suspended",
        ["RevokeSessions"] = "admin foreign",
        ["SuspendSession"] = "admin orchestrator owner foreign",
        ["ResumeSession"] = "admin owner foreign",
        ["GetSession"] = Everybody + " owner auditor",
        ["WatchSession"] = Everybody + " owner auditor",
        ["WatchSpend"] = "admin owner finance auditor foreign",
        ["ListSessions"] = "admin agent kim orchestrator owner auditor foreign suspended",
        ["ExtendBudget"] = "admin finance foreign",
        ["ResetBudget"] = "admin finance foreign",
        ["AdjustSpend"] = "admin finance foreign",
        ["RequestExtension"] = Everybody + " owner finance",
        ["ListExtensionRequests"] = "admin agent kim orchestrator owner finance auditor foreign suspended",
        ["WatchExtensionRequest"] = Everybody + " owner finance auditor",
        ["DecideExtension"] = "admin finance foreign",
        ["ResetBreaker"] = "admin owner foreign",
        ["UpdateEndpoint"] = "admin finance foreign",
        ["DeleteEndpoint"] = "admin finance foreign",
        ["RotateEndpointSecret"] = "admin finance foreign",
        ["SendTestNotice"] = "admin finance foreign",
        ["ListDeliveries"] = "admin finance auditor foreign",
        ["ReplayDelivery"] = "admin finance foreign",
        ["SuspendAgent"] = "admin foreign",
        ["ResumeAgent"] = "admin foreign",
        ["DecommissionAgent"] = "admin foreign",
        ["CreateCredential"] = "admin foreign",
        ["RevokeCredential"] = "admin foreign",
        ["ListCredentials"] = "admin auditor foreign",
        ["ListEntries"] = "admin owner finance auditor foreign",
        ["GetChargeback"] = "admin owner finance auditor foreign",
        ["GetUnitCosts"] = "admin owner finance auditor foreign",
        ["GetAnomalies"] = "admin finance auditor foreign",
        ["GetInitiative"] = "admin owner finance auditor foreign",
        ["GetRunCosts"] = "admin finance auditor foreign",
        ["GetForecast"] = "admin owner finance auditor foreign",
        // OAuth. Who has a credential is a client; a client that may not is answered as if nothing were there.
        ["introspect"] = Clients,
        ["revoke"] = Clients,
        ["token"] = "agent suspended",
        // Ordinary routes; those of everybody are asked by nobody too.
        ["GET /audit.jsonl"] = "operator admin auditor foreign",
        [FocusRoute] = "operator admin finance auditor foreign",
        ["GET /metrics"] = "operator metrics",
        ["GET /ops/orleans/"] = "operator",
        ["GET /healthz"] = Anybody,
        ["GET /readyz"] = Anybody,
        ["GET /openapi/v1.json"] = Anybody,
        ["GET /docs/"] = Anybody,
        ["GET /dashboard/"] = Anybody,
        ["GET /.well-known/oauth-authorization-server"] = Anybody,
        ["GET /oauth2/jwks"] = Anybody,
    };

    private const string Anybody = "*";

    private const string FocusRoute = "GET /reports/focus.csv";

    private static readonly string[] OAuthKinds = [", read", "known", "dead", "exchanged"];

    private const string Clients = "admin agent gateway orchestrator owner finance auditor suspended foreign";

    /// <summary>
    /// By caller and kind of what is named, whose it may be; without a line it is not there. Kinds: name (of a
    /// session), run, token (of a session), agent, useCase, unit, grain, credential, hold, extension, endpoint. Of
    /// OAuth: read and ended (tokens of sessions), known and dead (access tokens), exchanged.
    /// </summary>
    private static readonly (string Callers, string Kinds, string Whose)[] EveryLine =
    [
        // The operator took the holds, and an administrator may always end one.
        ("admin", "hold", "own"),
        ("admin", "name run token agent useCase unit grain credential", "own kim lee sibling child parent unit"),
        ("admin orchestrator finance auditor", "extension", "own kim lee sibling child parent unit"),
        ("admin finance auditor", "endpoint", "own kim lee sibling child parent unit"),
        ("agent", "extension", "own kim lee"),
        ("kim", "extension", "kim"),
        ("owner", "extension", "own kim lee sibling child parent"),
        ("session", "extension", "own"),
        ("suspended", "extension", "unit"),
        ("agent", "name token", "own kim lee"),
        ("agent", "agent", "own kim lee"),
        ("agent", "useCase", "own kim lee sibling child parent"),
        ("agent", "grain", "kim lee"),
        ("kim", "name token", "kim"),
        ("kim", "agent", "own kim lee"),
        ("kim", "useCase", "own kim lee sibling child parent"),
        ("kim", "grain", "kim"),
        ("session", "name token", "own"),
        ("gateway", "token", "own kim lee sibling child parent unit"),
        ("orchestrator", "name token agent useCase grain", "own kim lee sibling child parent unit"),
        ("owner", "name run useCase unit", "own kim lee sibling child parent"),
        ("owner", "agent", "own kim lee sibling child parent"),
        ("owner", "grain", "own kim lee child parent"),
        ("suspended", "name token agent useCase", "unit"),
        ("foreign", "token", "tenant"),
        ("finance auditor", "name run token agent useCase unit grain", "own kim lee sibling child parent unit"),
        ("admin orchestrator", "read ended", "own kim lee sibling child parent unit"),
        ("gateway auditor", "read", "own kim lee sibling child parent unit"),
        ("agent", "read ended", "own kim lee"),
        ("owner", "read ended", "own kim lee sibling child parent"),
        ("suspended", "read ended", "unit"),
        ("foreign", "read ended", "tenant"),
        ("admin gateway orchestrator auditor", "known", "own kim lee sibling unit"),
        ("admin", "dead", "own kim lee sibling unit"),
        ("agent", "known dead", "own kim lee"),
        ("suspended", "known dead", "unit"),
        ("foreign", "known dead", "tenant"),
        // The sibling delegates to the writer, the seller to nobody; a token of no user is not exchanged.
        ("agent", "exchanged", "kim lee sibling"),
        ("suspended", "exchanged", "unit"),
        ("operator", "export", "own tenant"),
        ("admin finance auditor", "export", "own"),
        ("foreign", "export", "tenant"),
    ];

    private readonly Dictionary<string, string> _callers;
    private readonly (string Callers, string Kinds, string Whose)[] _lines;

    private Sight(Dictionary<string, string> callers, (string Callers, string Kinds, string Whose)[] lines) =>
        (_callers, _lines) = (callers, lines);

    /// <summary>All the rules.</summary>
    public static Sight Whole { get; } = new(EveryCaller, EveryLine);

    /// <summary>The methods that the table speaks of.</summary>
    public static IEnumerable<string> Methods =>
        EveryCaller.Keys.Where(key => char.IsAsciiLetterUpper(key[0]) && !IsRoute(key));

    /// <summary>The ordinary routes that it speaks of.</summary>
    public static IEnumerable<string> Routes => EveryCaller.Keys.Where(IsRoute);

    /// <summary>Whether a line speaks of OAuth.</summary>
    public static bool IsOfOAuth(string line) =>
        line is "introspect" or "revoke" or "token"
        || (!IsRoute(line) && Array.Exists(OAuthKinds, kind => line.Contains(kind, StringComparison.Ordinal)));

    /// <summary>Whether a line speaks of ordinary routes.</summary>
    public static bool IsOfRoutes(string line) => IsRoute(line) || line.Contains("export", StringComparison.Ordinal);

    /// <summary>The table without each of its lines, by the line.</summary>
    public static IEnumerable<(string Line, Sight Less)> LessOneLine()
    {
        foreach (string method in EveryCaller.Keys)
        {
            Dictionary<string, string> callers = new(EveryCaller) { [method] = "" };
            yield return (method, new Sight(callers, EveryLine));
        }

        foreach ((string Callers, string Kinds, string Whose) line in EveryLine)
            yield return ($"{line}", new Sight(EveryCaller, [.. EveryLine.Where(other => other != line)]));
    }

    /// <summary>Whether the caller was somebody once and is no more.</summary>
    public static bool IsNobody(string caller) => caller is "revoked" or "expired";

    public Expected Of(string caller, string method, string path, string whose)
    {
        string kind = KindOf(path);
        if (IsNobody(caller) || (caller == "stale" && !Has(TakesEnded, method)))
            return Expected.Unauthenticated;
        // What its token still does is what it did.
        if (caller == "stale")
            caller = "session";
        if (!Has(_callers[method], caller))
            return Expected.Forbidden;
        // An account is no session: who sees sessions by their tokens alone asks for none.
        if (method == "GetBalance" && kind == "grain" && caller is ("gateway" or "session"))
            return Expected.Forbidden;
        // Whatever account it names, it is shown its own requests alone.
        if (method == "ListExtensionRequests")
            return Expected.Unasked;
        // What any hold of the tenant settled is finance's to correct.
        if (method == "AdjustSpend" && kind == "hold")
            kind = "name";
        bool isThere = IsThere(caller, kind, whose);
        return !isThere ? Expected.Absent : IsTold(caller, method, path, whose) ? Expected.There : Expected.Unasked;
    }

    /// <summary>Whether an answer differs at all between what is there and what is not.</summary>
    private static bool IsTold(string caller, string method, string path, string whose) => (method, path) switch
    {
        // Reports come later than what they report; a name for a new credential is anybody's.
        ("GetAnomalies" or "GetChargeback" or "GetRunCosts" or "GetUnitCosts" or "WatchSpend", _) => false,
        ("CreateCredential", "principal") => false,
        // A credential that opened nothing has as many sessions as one that is not there.
        ("RevokeSessions" or "ListSessions", "credential") => false,
        // A session has no budget in the catalog.
        ("ExtendBudget" or "ResetBudget" or "GetForecast" or "RequestExtension", "grain")
            when whose is "kim" or "lee" or "child" or "parent" => false,
        // Who spends asks for a session, and so says no more with a grain alone; so does who watches by its token.
        ("RequestExtension", "grain") => caller is "admin" or "owner" or "finance",
        ("WatchExtensionRequest", "extension_request") => caller is not "gateway",
        // What is removed is not there for who asks later, so no reason is given, which is refused before the name; and
        // an endpoint that nothing was sent to has as many deliveries as one that is not there.
        ("DeleteEndpoint" or "ListDeliveries", "endpoint") => false,
        // Breakers are of sessions, not of other accounts.
        ("ResetBreaker", "grain") => false,
        // A session is opened for an agent, so that only an agent's own call says enough with a use case.
        ("OpenSession", "use_case") when caller is not "agent" => false,
        ("OpenSession", _) when caller is "kim" or "session" => false,
        _ => true,
    };

    private static bool Has(string words, string word) => words.Split(' ').Contains(word);

    /// <summary>What a client of OAuth is answered about a token, by what it asks of which kind.</summary>
    public Expected OfOAuth(string client, string endpoint, string kind, string whose) =>
        !Has(Clients, client) ? Expected.Unauthenticated
        : !Has(_callers[endpoint], client) ? Expected.Forbidden
        : IsThere(client, kind, whose) ? Expected.There
        : Expected.Absent;

    private bool IsThere(string caller, string kind, string whose) => Array.Exists(
        _lines, line => Has(line.Callers, caller) && Has(line.Kinds, kind) && Has(line.Whose, whose));

    /// <summary>What a caller is answered by an ordinary route, about a tenant that it names beside.</summary>
    public Expected OfRoute(string caller, string route, string whose)
    {
        if (_callers[route] == Anybody)
            return Expected.There;
        if (IsNobody(caller) || caller is "nobody" or "stale")
            return Expected.Unauthenticated;
        if (!Has(_callers[route], caller))
            return Expected.Forbidden;
        return !IsOfTenant(route) || IsThere(caller, "export", whose) ? Expected.There : Expected.Absent;
    }

    /// <summary>Whether a route answers of one tenant.</summary>
    public static bool IsOfTenant(string route) => route is "GET /audit.jsonl" or FocusRoute;

    private static bool IsRoute(string line) => line.StartsWith("GET ", StringComparison.Ordinal);

    private static string KindOf(string path) => path.Split('.')[^1] switch
    {
        "session" => "name",
        "session_token" or "parent_session_token" => "token",
        "agent" or "principal" => "agent",
        "use_case" => "useCase",
        "business_unit" => "unit",
        "reservation_id" => "hold",
        "extension_request" => "extension",
        string kind => kind,
    };
}
