using System.Collections.Frozen;
using AgentBudget.Identity;
using Grpc.AspNetCore.Server;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace AgentBudget.Api.Access;

/// <summary>Who may call a method or ask for a route; part of its endpoint.</summary>
/// <param name="Roles">The roles; none with <paramref name="IsOpen"/> for everyone.</param>
/// <param name="TakesEnded">Whether a session token past its expiry still speaks for its session.</param>
/// <param name="IsOpen">No credential is asked for.</param>
internal sealed record AccessRule(Roles Roles, bool TakesEnded = false, bool IsOpen = false)
    : IAuthorizationRequirement, IAuthorizationHandler
{
    /// <summary>The rule as ASP.NET Core's authorization holds an endpoint to it; null where it is open.</summary>
    internal AuthorizationPolicy? Policy => IsOpen ? null : new AuthorizationPolicy([this], []);

    /// <inheritdoc/>
    public Task HandleAsync(AuthorizationHandlerContext context)
    {
        if (context.User is CallerPrincipal principal && (Roles & principal.Caller.Role) != Roles.None)
            context.Succeed(this);
        return Task.CompletedTask;
    }
}

/// <summary>
/// One line for each method and each ordinary route: who may call it. On whose data follows from who it is
/// (<see cref="Reach"/>). What has no line stops the start.
/// </summary>
public static class AccessPolicy
{
    // Who spends in a session, each within its reach.
    private const Roles Spenders = Roles.Admin | Roles.Session | Roles.Agent | Roles.Gateway | Roles.Orchestrator;

    // Who works with whole sessions.
    private const Roles Keepers = Roles.Admin | Roles.Session | Roles.Agent | Roles.Orchestrator;

    // Who reads what was spent.
    private const Roles Readers = Roles.Admin | Roles.Owner | Roles.Finance | Roles.Auditor;

    private static readonly FrozenDictionary<string, AccessRule> Rules = new Dictionary<string, AccessRule>
    {
        ["/agentbudget.v1.BudgetService/ReserveTokens"] = new(Spenders),
        ["/agentbudget.v1.BudgetService/CommitTokens"] = new(Spenders, TakesEnded: true),
        ["/agentbudget.v1.BudgetService/ReleaseTokens"] = new(Spenders, TakesEnded: true),
        ["/agentbudget.v1.BudgetService/AmendReservation"] = new(Spenders),
        ["/agentbudget.v1.BudgetService/RecordCost"] = new(Spenders),
        // Opens the stream; each item is held to the line of the method that it stands for.
        ["/agentbudget.v1.BudgetService/Spend"] = new(Spenders),
        ["/agentbudget.v1.BudgetService/AuthorizeTool"] = new(Spenders),
        ["/agentbudget.v1.BudgetService/GetBalance"] = new(Spenders | Readers),

        ["/agentbudget.v1.SessionService/OpenSession"] = new(Keepers),
        ["/agentbudget.v1.SessionService/RenewSession"] = new(Keepers),
        ["/agentbudget.v1.SessionService/EndSession"] = new(Keepers, TakesEnded: true),
        ["/agentbudget.v1.SessionService/RevokeSession"] =
            new(Roles.Admin | Roles.Agent | Roles.Orchestrator | Roles.Owner, TakesEnded: true),
        ["/agentbudget.v1.SessionService/RevokeSessions"] = new(Roles.Admin),
        ["/agentbudget.v1.SessionService/SuspendSession"] = new(Roles.Admin | Roles.Orchestrator | Roles.Owner),
        ["/agentbudget.v1.SessionService/ResumeSession"] = new(Roles.Admin | Roles.Owner),
        ["/agentbudget.v1.SessionService/GetSession"] =
            new(Keepers | Roles.Gateway | Roles.Owner | Roles.Auditor, TakesEnded: true),
        ["/agentbudget.v1.SessionService/WatchSession"] =
            new(Keepers | Roles.Gateway | Roles.Owner | Roles.Auditor, TakesEnded: true),
        ["/agentbudget.v1.SessionService/ListSessions"] =
            new(Roles.Admin | Roles.Agent | Roles.Orchestrator | Roles.Owner | Roles.Auditor),

        ["/agentbudget.v1.CatalogService/ApplyCatalog"] = new(Roles.Admin),
        ["/agentbudget.v1.CatalogService/PatchCatalog"] = new(Roles.Admin),
        ["/agentbudget.v1.CatalogService/GetCatalog"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.CatalogService/ExtendBudget"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.CatalogService/ResetBudget"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.CatalogService/AdjustSpend"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.CatalogService/RerateSpend"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.CatalogService/ListDisputes"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.CatalogService/DecideDispute"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.CatalogService/ResetBreaker"] = new(Roles.Admin | Roles.Owner),
        ["/agentbudget.v1.CatalogService/SuspendAgent"] = new(Roles.Admin),
        ["/agentbudget.v1.CatalogService/ResumeAgent"] = new(Roles.Admin),
        ["/agentbudget.v1.CatalogService/DecommissionAgent"] = new(Roles.Admin),

        ["/agentbudget.v1.IdentityService/CreateCredential"] = new(Roles.Admin),
        ["/agentbudget.v1.IdentityService/RevokeCredential"] = new(Roles.Admin),
        ["/agentbudget.v1.IdentityService/ListCredentials"] = new(Roles.Admin | Roles.Auditor),
        ["/agentbudget.v1.IdentityService/RotateSigningKey"] = new(Roles.Operator),

        ["/agentbudget.v1.ApprovalService/RequestExtension"] = new(Spenders | Roles.Owner | Roles.Finance),
        ["/agentbudget.v1.ApprovalService/ListExtensionRequests"] =
            new(Readers | Roles.Agent | Roles.Orchestrator),
        ["/agentbudget.v1.ApprovalService/WatchExtensionRequest"] = new(Spenders | Readers),
        ["/agentbudget.v1.ApprovalService/DecideExtension"] = new(Roles.Admin | Roles.Finance),

        ["/agentbudget.v1.NotificationService/CreateEndpoint"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.NotificationService/ListEndpoints"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.NotificationService/UpdateEndpoint"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.NotificationService/DeleteEndpoint"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.NotificationService/RotateEndpointSecret"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.NotificationService/SendTestNotice"] = new(Roles.Admin | Roles.Finance),
        ["/agentbudget.v1.NotificationService/ListDeliveries"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.NotificationService/ReplayDelivery"] = new(Roles.Admin | Roles.Finance),

        ["/agentbudget.v1.SpendService/WatchSpend"] = new(Readers),
        ["/agentbudget.v1.SpendService/ListEntries"] = new(Readers),
        ["/agentbudget.v1.SpendService/GetCheckpoint"] = new(Roles.Admin | Roles.Auditor),
        ["/agentbudget.v1.SpendService/VerifyLedger"] = new(Roles.Admin | Roles.Auditor),

        ["/agentbudget.v1.ReportService/GetChargeback"] = new(Readers),
        ["/agentbudget.v1.ReportService/GetUnitCosts"] = new(Readers),
        ["/agentbudget.v1.ReportService/GetAttributionCoverage"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.ReportService/GetForecast"] = new(Readers),
        ["/agentbudget.v1.ReportService/GetAnomalies"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.ReportService/GetAdjacency"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.ReportService/GetRunCosts"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.ReportService/GetInitiative"] = new(Readers),
        ["/agentbudget.v1.ReportService/GetRecommendations"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.ReportService/ExportFocus"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        ["/agentbudget.v1.ReportService/GetAccessReview"] = new(Roles.Admin | Roles.Auditor),

        // It shows machines, which are no tenant's.
        ["/agentbudget.v1.SiloService/GetSilos"] = new(Roles.Operator),

        ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] = new(Roles.Admin),
        ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] = new(Roles.Admin),

        ["/grpc.health.v1.Health/Check"] = new(Roles.None, IsOpen: true),
        ["/grpc.health.v1.Health/Watch"] = new(Roles.None, IsOpen: true),

        ["GET /healthz"] = new(Roles.None, IsOpen: true),
        ["GET /readyz"] = new(Roles.None, IsOpen: true),
        ["GET /openapi/v1.json"] = new(Roles.None, IsOpen: true),
        ["GET /docs/*"] = new(Roles.None, IsOpen: true),
        // Its pages sign in by themselves, and call as whoever signed in.
        ["GET /dashboard/*"] = new(Roles.None, IsOpen: true),
        // It shows tenants' names and grains' state.
        ["GET /ops/orleans/*"] = new(Roles.Operator),
        ["GET /metrics"] = new(Roles.Operator | Roles.Metrics),
        ["GET /audit.jsonl"] = new(Roles.Admin | Roles.Auditor),
        ["GET /reports/focus.csv"] = new(Roles.Admin | Roles.Finance | Roles.Auditor),
        // Each authenticates its clients itself, or tells what everybody may know.
        ["GET /.well-known/oauth-authorization-server"] = new(Roles.None, IsOpen: true),
        ["GET /oauth2/jwks"] = new(Roles.None, IsOpen: true),
        ["POST /oauth2/token"] = new(Roles.None, IsOpen: true),
        ["POST /oauth2/introspect"] = new(Roles.None, IsOpen: true),
        ["POST /oauth2/revoke"] = new(Roles.None, IsOpen: true),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    // Routes that a library serves together.
    private static readonly string[] Trees =
        [.. Rules.Keys.Where(line => line.EndsWith("/*", StringComparison.Ordinal))];

    /// <summary>
    /// Holds an endpoint to its line, by its method or its route. Throws <see cref="InvalidOperationException"/> for
    /// one without a line.
    /// </summary>
    internal static void Hold(EndpointBuilder endpoint)
    {
        string name = NameOf(endpoint);
        AccessRule rule = Find(name)
            ?? throw new InvalidOperationException($"No line of policy says who may call {name}.");
        endpoint.Metadata.Add(rule);
        if (rule.Policy is { } policy)
            endpoint.Metadata.Add(policy);
    }

    /// <summary>
    /// Sees to it that everything that is served is held to a line. Throws <see cref="InvalidOperationException"/> that
    /// names what is not.
    /// </summary>
    public static void RequireLines(IEnumerable<Endpoint> endpoints)
    {
        string[] without =
        [
            .. endpoints.Where(endpoint => endpoint.Metadata.GetMetadata<AccessRule>() is null)
                .Select(endpoint => endpoint.DisplayName ?? "an endpoint without a name").Order(StringComparer.Ordinal),
        ];
        if (without.Length > 0)
            throw new InvalidOperationException("No line of policy says who may call " + string.Join(", ", without));
    }

    private static string NameOf(EndpointBuilder endpoint)
    {
        if (endpoint.Metadata.OfType<GrpcMethodMetadata>().FirstOrDefault() is { } method)
            return method.Method.FullName;
        string? verb = endpoint.Metadata.OfType<HttpMethodMetadata>().FirstOrDefault()?.HttpMethods[0];
        return $"{verb} {(endpoint as RouteEndpointBuilder)?.RoutePattern.RawText}";
    }

    /// <summary>The methods and routes that have a line.</summary>
    internal static IEnumerable<string> Names => Rules.Keys;

    /// <summary>The rule of a method that is known to have one.</summary>
    internal static AccessRule Of(string path) => Rules[path];

    /// <summary>
    /// The rule of a method or a route by its name, or of the whole tree that a route is in; null when it has none.
    /// </summary>
    internal static AccessRule? Find(string path) => Rules.GetValueOrDefault(LineOf(path));

    /// <summary>The name of the line that speaks of a method or a route.</summary>
    internal static string LineOf(string path) =>
        Trees.FirstOrDefault(tree => path.StartsWith(tree.AsSpan()[..^1], StringComparison.Ordinal)) ?? path;
}
