namespace AgentBudget.Storage.Tests.Broken;

/// <summary>A rule, a store that breaks it, and the cases of the kit that find it.</summary>
/// <param name="Name">What the store does wrong.</param>
/// <param name="Break">Breaks a fresh store.</param>
/// <param name="FoundBy">Every one of these cases must fail.</param>
internal sealed record BrokenRule(string Name, Action<BrokenStore> Break, params string[] FoundBy)
{
    /// <summary>A fresh store, broken.</summary>
    public BrokenStore Make()
    {
        var store = new BrokenStore();
        Break(store);
        return store;
    }
}
