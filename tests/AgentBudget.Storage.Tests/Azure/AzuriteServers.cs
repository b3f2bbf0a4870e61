using AgentBudget.Storage.Azure;
using AgentBudget.Storage.Azure.Schema;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Storage.Tests.Azure;

/// <summary>One emulator for all tests of the collection, which run one after the other.</summary>
public sealed class AzuriteServers : IAsyncLifetime
{
    private AzuriteServer? _server;

    internal AzuriteServer Server => _server ?? throw new InvalidOperationException("the emulator does not run");

    public async ValueTask InitializeAsync() => _server = await AzuriteServer.StartAsync();

    public async ValueTask DisposeAsync()
    {
        if (_server is not null) await _server.DisposeAsync();
    }

    /// <summary>An empty store; answers how it is opened.</summary>
    internal async Task<AzureStoreOptions> CreateStoreAsync()
    {
        AzureStoreOptions options = new() { Connection = Server.Connection(), Name = Server.NewStoreName() };
        await AzureSchema.MigrateAsync(options, CancellationToken.None);
        return options;
    }

    internal static Task<AzureStore> OpenAsync(AzureStoreOptions options, TimeProvider? time = null) =>
        AzureStore.OpenAsync(
            options, time ?? TimeProvider.System, NullLoggerFactory.Instance, CancellationToken.None);
}

/// <summary>The tests that use the emulator.</summary>
[CollectionDefinition(Name)]
public sealed class AzureTests : ICollectionFixture<AzuriteServers>
{
    public const string Name = "Azure";
}
