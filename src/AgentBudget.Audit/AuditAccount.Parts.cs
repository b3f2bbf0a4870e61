using AgentBudget.Protocol.V1;

namespace AgentBudget.Audit;

// Parts of an account: its budgets on models and of its users.
internal sealed partial class AuditAccount
{
    /// <summary>The account that it is a part of; null for a whole one.</summary>
    public AuditAccount? Of { get; set; }

    /// <summary>The models that it counts; empty where it is no budget on models.</summary>
    public string Pattern { get; set; } = "";

    /// <summary>The user that it counts; empty where it is no user's budget.</summary>
    public string User { get; set; } = "";

    /// <summary>Its budgets on models.</summary>
    public List<AuditAccount> Families { get; set; } = [];

    /// <summary>What its users are limited to; null for nothing.</summary>
    public UserBudgets? Users { get; set; }

    /// <summary>
    /// A user's budget that nobody works on and that counts nothing: the ledger forgets it in its own time, and nothing
    /// is lost by that.
    /// </summary>
    public bool IsIdle => User.Length > 0 && Sessions == 0 && Windows.All(window => window.IsEmpty);

    /// <summary>Nothing of this window would be lost.</summary>
    public bool IsEmpty => Exposure == default && Carried == default && Extension == default && ToldPercent == 0;

    /// <summary>Whether a call on a model counts on this budget on models.</summary>
    public bool CountsModel(string model) =>
        model.Length > 0
        && (Pattern is [.. string beginning, '*']
            ? model.StartsWith(beginning, StringComparison.Ordinal)
            : model == Pattern);
}
