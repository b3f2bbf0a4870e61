using AgentBudget.Ledger.Tenants;
using AgentBudget.Protocol.V1;

namespace AgentBudget.Ledger.UseCases;

/// <summary>A use case: what for. Knows the cheaper model to run on once a soft cap on the path is reached.</summary>
internal sealed class UseCaseAccount(string name) : Account(name, Reason.UseCaseBudget)
{
    /// <summary>As the catalog describes it.</summary>
    public UseCase Model { get; private set; } = new();

    public void Configure(UseCase model) => Model = model;

    /// <summary>The cheaper model for a model, or null.</summary>
    public string? CheaperModel(string model) =>
        Model.Downgrade.TryGetValue(model, out string? cheaper) ? cheaper : null;

    /// <summary>Whether a call that has no cheaper model is refused at a soft cap.</summary>
    public bool RefusesWithoutCheaperModel => !Model.AllowWithoutCheaperModel;
}
