using AgentBudget.Ledger.Budgets;
using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Sessions;

// Which accounts a spend is charged to.
internal sealed partial class SessionAccount
{
    private Account[] _path;
    private string _lastModel = "";
    private Account[]? _lastPath;

    /// <summary>
    /// Every account that a spend of this session is charged to, whatever it is: session, the sessions above it up to
    /// the root of the run, agent, use case, business unit, tenant, and their budgets of its user.
    /// </summary>
    public ReadOnlySpan<Account> Path => _path;

    /// <summary>The budgets of its user that the path leads over.</summary>
    public UserAccount[] Users { get; private set; } = [];

    /// <summary>The path of a call on a model: with the budgets on it.</summary>
    public ReadOnlySpan<Account> PathOf(string model)
    {
        if (Families.Length == 0) return _path;
        if (_lastPath is null || _lastModel != model) (_lastModel, _lastPath) = (model, WithFamiliesOf(model));
        return _lastPath;
    }

    /// <summary>The path leads over these budgets of its user.</summary>
    public void LeadOver(UserAccount[] users)
    {
        Users = users;
        _path = PathOf(this, [Agent, UseCase, BusinessUnit, _tenant, .. users]);
        _lastPath = null;
    }

    /// <summary>Takes over the budgets on models that its accounts have now.</summary>
    public void SetFamilies()
    {
        bool hasAny = Agent.Families.Length > 0 || UseCase.Families.Length > 0 || BusinessUnit.Families.Length > 0
            || _tenant.Families.Length > 0;
        Families = hasAny
            ? [.. Agent.Families, .. UseCase.Families, .. BusinessUnit.Families, .. _tenant.Families]
            : [];
        _lastPath = null;
    }

    /// <summary>
    /// What is left on the tightest account of the path of a model after a further spend; null if none has a limit.
    /// </summary>
    public Left? Left(in Spend spend, string model)
    {
        Account? tightest = null;
        long nanos = Budgets.Window.Unlimited;
        long tokens = Budgets.Window.Unlimited;
        foreach (Account account in PathOf(model))
        {
            long grainNanos = account.AvailableNanos;
            long grainTokens = account.AvailableTokens;
            bool isTighter = grainNanos != nanos ? grainNanos < nanos : grainTokens < tokens;
            if (!isTighter) continue;
            (tightest, nanos, tokens) = (account, grainNanos, grainTokens);
        }

        if (tightest is null) return null;
        var left = new Left { Grain = tightest.Name };
        if (nanos != Budgets.Window.Unlimited) left.Nanos = Math.Max(0, nanos - spend.CostNanos);
        if (tokens != Budgets.Window.Unlimited) left.Tokens = Math.Max(0, tokens - spend.Tokens);
        return left;
    }

    // Apart, because what it captures is allocated before the first line.
    private Account[] WithFamiliesOf(string model) => [.. _path, .. Families.Where(family => family.Counts(model))];

    private static Account[] PathOf(SessionAccount session, params ReadOnlySpan<Account> others)
    {
        var path = new Account[session.Depth + 1 + others.Length];
        int place = 0;
        for (SessionAccount? above = session; above is not null; above = above.Parent) path[place++] = above;
        others.CopyTo(path.AsSpan(place));
        return path;
    }
}
