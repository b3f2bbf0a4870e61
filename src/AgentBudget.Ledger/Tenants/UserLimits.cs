using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tenants;

/// <summary>Which windows the users of an account have.</summary>
internal sealed class UserLimits
{
    /// <summary>Of an account whose users are not limited.</summary>
    public static readonly UserLimits None = new(null);

    private readonly Dictionary<string, Protocol.V1.Budget[]> _named = new(StringComparer.Ordinal);
    private readonly Protocol.V1.Budget[] _each;

    public UserLimits(UserBudgets? rules)
    {
        _each = rules?.Budget is null ? [] : [rules.Budget, .. rules.FurtherBudgets];
        foreach (UserBudget named in rules?.Users ?? [])
            _named[named.User] = named.Budget is null ? [] : [named.Budget, .. named.FurtherBudgets];
    }

    public bool IsEmpty => _each.Length == 0 && _named.Count == 0;

    /// <summary>The windows of one user; empty where nothing limits.</summary>
    public IReadOnlyList<Protocol.V1.Budget> Of(string user) =>
        user.Length == 0 ? [] : _named.GetValueOrDefault(user, _each);
}
