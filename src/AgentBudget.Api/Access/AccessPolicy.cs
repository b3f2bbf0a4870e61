using System.Collections.Frozen;
using AgentBudget.Identity;

namespace AgentBudget.Api.Access;

/// <summary>Who may call a method.</summary>
/// <param name="Roles">The roles; <see cref="Roles.None"/> with <paramref name="IsOpen"/> for everyone.</param>
/// <param name="TakesEnded">Whether a session token past its expiry still speaks for its session.</param>
/// <param name="IsOpen">No credential is asked for.</param>
internal sealed record AccessRule(Roles Roles, bool TakesEnded = false, bool IsOpen = false);

/// <summary>One line for each method. What has no line is refused.</summary>
internal static class AccessPolicy
{
    private static readonly FrozenDictionary<string, AccessRule> Rules = new Dictionary<string, AccessRule>
    {
        ["/agentbudget.v1.BudgetService/ReserveTokens"] = new(Roles.Admin | Roles.Session),
        ["/agentbudget.v1.BudgetService/CommitTokens"] = new(Roles.Admin | Roles.Session, TakesEnded: true),
        ["/agentbudget.v1.BudgetService/ReleaseTokens"] = new(Roles.Admin | Roles.Session, TakesEnded: true),
        ["/agentbudget.v1.BudgetService/AmendReservation"] = new(Roles.Admin | Roles.Session),
        // Opens the stream; each item is held to the line of the method that it stands for.
        ["/agentbudget.v1.BudgetService/Spend"] = new(Roles.Admin | Roles.Session),
        ["/agentbudget.v1.BudgetService/GetBalance"] = new(Roles.Admin | Roles.Session),

        ["/agentbudget.v1.SessionService/OpenSession"] = new(Roles.Admin | Roles.Session),
        ["/agentbudget.v1.SessionService/RenewSession"] = new(Roles.Admin | Roles.Session),
        ["/agentbudget.v1.SessionService/EndSession"] = new(Roles.Admin | Roles.Session, TakesEnded: true),
        ["/agentbudget.v1.SessionService/RevokeSession"] = new(Roles.Admin, TakesEnded: true),
        ["/agentbudget.v1.SessionService/GetSession"] = new(Roles.Admin | Roles.Session, TakesEnded: true),
        ["/agentbudget.v1.SessionService/ListSessions"] = new(Roles.Admin),

        ["/agentbudget.v1.CatalogService/ApplyCatalog"] = new(Roles.Admin),
        ["/agentbudget.v1.CatalogService/GetCatalog"] = new(Roles.Admin),
        ["/agentbudget.v1.CatalogService/ExtendBudget"] = new(Roles.Admin),

        ["/agentbudget.v1.SpendService/WatchSpend"] = new(Roles.Admin),
        ["/agentbudget.v1.SpendService/ListEntries"] = new(Roles.Admin),

        ["/agentbudget.v1.ReportService/GetChargeback"] = new(Roles.Admin),

        ["/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"] = new(Roles.Admin),
        ["/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"] = new(Roles.Admin),

        ["/grpc.health.v1.Health/Check"] = new(Roles.None, IsOpen: true),
        ["/grpc.health.v1.Health/Watch"] = new(Roles.None, IsOpen: true),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    /// <summary>The methods that have a line.</summary>
    internal static IEnumerable<string> Paths => Rules.Keys;

    /// <summary>The rule of a method that is known to have one.</summary>
    internal static AccessRule Of(string path) => Rules[path];

    /// <summary>The rule of a method by its path; null when it has none.</summary>
    internal static AccessRule? Find(string path) => Rules.GetValueOrDefault(path);
}
