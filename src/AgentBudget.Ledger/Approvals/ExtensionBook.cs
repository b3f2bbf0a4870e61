using AgentBudget.Ledger.Budgets;
using AgentBudget.Protocol.Snapshot.V1;

namespace AgentBudget.Ledger.Approvals;

/// <summary>A tenant's requests for more: those that wait, and those that were answered within the retention.</summary>
internal sealed class ExtensionBook
{
    private readonly SortedDictionary<long, ExtensionAsked> _all = [];
    private readonly Dictionary<(string Grain, string Window), AutoApproved> _approved = [];

    /// <summary>By number.</summary>
    public IReadOnlyDictionary<long, ExtensionAsked> All => _all;

    public void Add(ExtensionAsked asked) => _all.Add(asked.Number, asked);

    public void Remove(ExtensionAsked asked) => _all.Remove(asked.Number);

    /// <summary>What the catalog's rule approved of a window in the month of this time.</summary>
    public AutoApproved ApprovedOf(Window window, long nowNanos)
    {
        AutoApproved approved = _approved.GetValueOrDefault((window.Account, window.Name));
        return approved.MonthEndNanos > nowNanos ? approved : default;
    }

    /// <summary>It approved this; what was approved in months that are over is forgotten.</summary>
    public void Approve(string grain, string window, in AutoApproved approved, long nowNanos)
    {
        foreach ((string Grain, string Window) over in _approved
            .Where(pair => pair.Value.MonthEndNanos <= nowNanos).Select(pair => pair.Key).ToArray())
        {
            _approved.Remove(over);
        }

        _approved[(grain, window)] = approved;
    }

    public IEnumerable<AutoApprovedState> ApprovedStates => _approved
        .OrderBy(pair => pair.Key.Grain, StringComparer.Ordinal)
        .ThenBy(pair => pair.Key.Window, StringComparer.Ordinal)
        .Select(pair => new AutoApprovedState
        {
            Grain = pair.Key.Grain,
            Window = pair.Key.Window,
            MonthEndNanos = pair.Value.MonthEndNanos,
            Nanos = pair.Value.Amount.CostNanos,
            Tokens = pair.Value.Amount.Tokens,
        });

    public void Restore(AutoApprovedState state) => _approved.Add(
        (state.Grain, state.Window), new AutoApproved(new Spend(state.Nanos, state.Tokens), state.MonthEndNanos));

    /// <summary>Whether a caller sees it: what its sessions asked, or itself.</summary>
    public static bool IsSeen(ExtensionAsked asked, ExtensionSight? sight)
    {
        if (sight is null) return true;
        if (sight.Session.Length > 0) return asked.Spender?.Session == sight.Session;
        IReadOnlyList<string> owned = sight.Owned ?? [];
        if (asked.Spender is not { } spender)
        {
            return sight.User.Length == 0
                && ((sight.Principal.Length > 0 && asked.Principal == sight.Principal)
                    || owned.Contains(asked.Asked.Grain));
        }

        bool isOwn = owned.Contains(spender.Agent) || owned.Contains(spender.UseCase)
            || owned.Contains(spender.BusinessUnit);
        return isOwn && (sight.User.Length == 0 || sight.User == spender.OnBehalfOf);
    }
}

/// <summary>What was approved without anybody until the month ends.</summary>
internal readonly record struct AutoApproved(Spend Amount, long MonthEndNanos);
