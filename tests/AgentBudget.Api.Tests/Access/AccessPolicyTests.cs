using AgentBudget.Api.Access;
using AgentBudget.Identity;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Tests.Access;

public sealed class AccessPolicyTests
{
    private static IEnumerable<string> Methods =>
        AccessPolicy.Names.Where(name => name.StartsWith('/'));

    [Fact]
    public void Every_method_of_the_contract_has_a_line() =>
        Assert.Superset(
            ApiServices.Descriptors.SelectMany(service => service.Methods).Select(PathOf).ToHashSet(),
            Methods.ToHashSet());

    [Fact]
    public void Only_health_is_open() =>
        Assert.All(Methods, path => Assert.Equal(
            path.StartsWith("/grpc.health.v1.", StringComparison.Ordinal), AccessPolicy.Find(path)!.IsOpen));

    public static TheoryData<string, string[]> Lines => new()
    {
        {
            nameof(Roles.Session),
            [
                "AmendReservation", "AuthorizeTool", "CommitTokens", "EndSession", "GetBalance", "GetSession",
                "OpenSession", "RecordCost", "ReleaseTokens", "RenewSession", "RequestExtension", "ReserveTokens",
                "Spend", "WatchExtensionRequest", "WatchSession",
            ]
        },
        {
            nameof(Roles.Gateway),
            [
                "AmendReservation", "AuthorizeTool", "CommitTokens", "GetBalance", "GetSession", "RecordCost",
                "ReleaseTokens", "RequestExtension", "ReserveTokens", "Spend", "WatchExtensionRequest", "WatchSession",
            ]
        },
        {
            nameof(Roles.Agent),
            [
                "AmendReservation", "AuthorizeTool", "CommitTokens", "EndSession", "GetBalance", "GetSession",
                "ListExtensionRequests", "ListSessions", "OpenSession", "RecordCost", "ReleaseTokens", "RenewSession",
                "RequestExtension", "ReserveTokens", "RevokeSession", "Spend", "WatchExtensionRequest", "WatchSession",
            ]
        },
        {
            nameof(Roles.Orchestrator),
            [
                "AmendReservation", "AuthorizeTool", "CommitTokens", "EndSession", "GetBalance", "GetSession",
                "ListExtensionRequests", "ListSessions", "OpenSession", "RecordCost", "ReleaseTokens", "RenewSession",
                "RequestExtension", "ReserveTokens", "RevokeSession", "Spend", "SuspendSession",
                "WatchExtensionRequest", "WatchSession",
            ]
        },
        {
            nameof(Roles.Owner),
            [
                "GetBalance", "GetChargeback", "GetForecast", "GetInitiative", "GetSession", "GetUnitCosts",
                "ListEntries", "ListExtensionRequests", "ListSessions", "RequestExtension", "ResetBreaker",
                "ResumeSession", "RevokeSession", "SuspendSession", "WatchExtensionRequest", "WatchSession",
                "WatchSpend",
            ]
        },
        {
            nameof(Roles.Finance),
            [
                "AdjustSpend", "CreateEndpoint", "DecideDispute", "DecideExtension", "DeleteEndpoint",
                "ExportFocus", "ExtendBudget", "GetAdjacency", "GetAnomalies", "GetAttributionCoverage",
                "GetBalance", "GetCatalog", "GetChargeback", "GetForecast", "GetInitiative", "GetRecommendations",
                "GetRunCosts", "GetUnitCosts", "ListDeliveries", "ListDisputes", "ListEndpoints", "ListEntries",
                "ListExtensionRequests", "ReplayDelivery", "RequestExtension", "RerateSpend", "ResetBudget",
                "RotateEndpointSecret", "SendTestNotice", "UpdateEndpoint", "WatchExtensionRequest", "WatchSpend",
            ]
        },
        {
            nameof(Roles.Auditor),
            [
                "ExportFocus", "GetAccessReview", "GetAdjacency", "GetAnomalies", "GetAttributionCoverage",
                "GetBalance", "GetCatalog", "GetChargeback", "GetCheckpoint", "GetForecast", "GetInitiative",
                "GetRecommendations", "GetRunCosts", "GetSession", "GetUnitCosts", "ListCredentials",
                "ListDeliveries", "ListDisputes", "ListEndpoints", "ListEntries", "ListExtensionRequests",
                "ListSessions", "VerifyLedger", "WatchExtensionRequest", "WatchSession", "WatchSpend",
            ]
        },
        { nameof(Roles.Metrics), [] },
    };

    [Theory]
    [MemberData(nameof(Lines))]
    public void A_role_may_call_these_methods_and_no_others(string role, string[] methods) =>
        Assert.Equal(methods, NamesWhere(rule => rule.Roles.HasFlag(Enum.Parse<Roles>(role))));

    [Fact]
    public void Every_role_but_the_operators_has_its_lines_here() =>
        Assert.Equal(
            Enum.GetNames<Roles>().Except([nameof(Roles.None), nameof(Roles.Admin), nameof(Roles.Operator)]).Order(),
            Lines.Select(line => line.Data.Item1).Order());

    [Fact]
    public void An_auditor_changes_nothing()
    {
        string[] reading = ["Get", "List", "Watch", "Verify", "Export"];
        Assert.All(
            NamesWhere(rule => rule.Roles.HasFlag(Roles.Auditor)),
            name => Assert.Contains(reading, verb => name.StartsWith(verb, StringComparison.Ordinal)));
    }

    [Fact]
    public void A_token_past_its_expiry_counts_where_something_is_recorded_or_ended() =>
        Assert.Equal(
            ["CommitTokens", "EndSession", "GetSession", "ReleaseTokens", "RevokeSession", "WatchSession"],
            NamesWhere(rule => rule.TakesEnded));

    [Fact]
    public void The_operator_may_call_everything() =>
        Assert.All(
            Methods,
            path => Assert.True(
                AccessPolicy.Find(path) is { IsOpen: true }
                    || (AccessPolicy.Find(path)!.Roles & AdminCaller.Instance.Role) != Roles.None,
                path));

    [Fact]
    public void A_method_without_a_line_has_no_rule() =>
        Assert.Null(AccessPolicy.Find("/agentbudget.v1.BudgetService/Unheard"));

    private static IEnumerable<string> NamesWhere(Func<AccessRule, bool> holds) => Methods
        .Where(path => holds(AccessPolicy.Find(path)!))
        .Select(path => path[(path.LastIndexOf('/') + 1)..])
        .Order();

    private static string PathOf(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";
}
