namespace AgentBudget.Client.Tests.Support;

/// <summary>One silo for all tests that leave it as it is; each opens sessions of its own.</summary>
public sealed class SharedBudget : IAsyncLifetime
{
    internal TestBudget Budget { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Budget = await TestBudget.StartAsync();

    public ValueTask DisposeAsync() => Budget.DisposeAsync();
}

/// <summary>The tests that share a silo.</summary>
[CollectionDefinition(Name)]
public sealed class SharedBudgetCollection : ICollectionFixture<SharedBudget>
{
    public const string Name = "shared silo";
}
