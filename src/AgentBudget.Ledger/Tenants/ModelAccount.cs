using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.Tenants;

/// <summary>
/// A budget of an account on a model or a family of models: of what the account is charged, the calls that run on them.
/// </summary>
internal sealed class ModelAccount(string name, Account of, string models) : Account(name, Reason.ModelBudget)
{
    private const char Star = '*';

    private readonly string _prefix = models.EndsWith(Star) ? models[..^1] : models;
    private readonly bool _isFamily = models.EndsWith(Star);

    public override Account Of => of;

    public override bool Counts(string model)
    {
        if (model.Length == 0) return false;
        return _isFamily ? model.StartsWith(_prefix, StringComparison.Ordinal) : model == _prefix;
    }
}
