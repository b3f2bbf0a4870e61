namespace AgentBudget.Gateway.Tests.Support;

/// <summary>One silo and gateway for all tests that open sessions of their own. They run one after the other, because
/// they tell the upstream what to answer.</summary>
public sealed class SharedGateway : IAsyncLifetime
{
    internal TestGateway Gateway { get; private set; } = null!;

    public async ValueTask InitializeAsync() => Gateway = await TestGateway.StartAsync();

    public ValueTask DisposeAsync() => Gateway.DisposeAsync();
}

/// <summary>The tests that share a gateway.</summary>
[CollectionDefinition(Name)]
public sealed class SharedGatewayCollection : ICollectionFixture<SharedGateway>
{
    public const string Name = "shared gateway";
}
