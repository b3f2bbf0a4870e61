using AgentBudget.Api.Access;
using AgentBudget.Identity;
using Google.Protobuf.Reflection;

namespace AgentBudget.Api.Tests.Access;

public sealed class AccessPolicyTests
{
    private static IEnumerable<string> EveryPath =>
        ApiServices.Descriptors.Append(Rpc.HealthService.Descriptor).Concat(Rpc.ReflectionService.Descriptors)
            .SelectMany(service => service.Methods).Select(PathOf);

    [Fact]
    public void Every_method_has_a_line_and_every_line_a_method() =>
        Assert.Equal(EveryPath.Order(), AccessPolicy.Paths.Order());

    [Fact]
    public void Only_health_is_open() =>
        Assert.All(AccessPolicy.Paths, path => Assert.Equal(
            path.StartsWith("/grpc.health.v1.", StringComparison.Ordinal), AccessPolicy.Find(path)!.IsOpen));

    [Fact]
    public void A_session_speaks_for_itself_and_for_nothing_else() =>
        Assert.Equal(
            [
                "AmendReservation", "CommitTokens", "EndSession", "GetBalance", "GetSession", "OpenSession",
                "ReleaseTokens", "RenewSession", "ReserveTokens", "Spend",
            ],
            NamesWhere(rule => rule.Roles.HasFlag(Roles.Session)));

    [Fact]
    public void A_token_past_its_expiry_counts_where_something_is_recorded_or_ended() =>
        Assert.Equal(
            ["CommitTokens", "EndSession", "GetSession", "ReleaseTokens", "RevokeSession"],
            NamesWhere(rule => rule.TakesEnded));

    [Fact]
    public void The_operator_may_call_everything() =>
        Assert.All(
            AccessPolicy.Paths,
            path => Assert.True(AccessPolicy.Find(path) is { IsOpen: true } or { Roles: not Roles.Session }, path));

    [Fact]
    public void A_method_without_a_line_has_no_rule() =>
        Assert.Null(AccessPolicy.Find("/agentbudget.v1.BudgetService/Unheard"));

    private static IEnumerable<string> NamesWhere(Func<AccessRule, bool> holds) => AccessPolicy.Paths
        .Where(path => holds(AccessPolicy.Find(path)!))
        .Select(path => path[(path.LastIndexOf('/') + 1)..])
        .Order();

    private static string PathOf(MethodDescriptor method) => $"/{method.Service.FullName}/{method.Name}";
}
