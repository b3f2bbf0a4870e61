using AgentBudget.Storage;
using AgentBudget.Storage.Azure;
using AgentBudget.Storage.Azure.Schema;
using AgentBudget.Storage.Tests.Azure;
using Azure;
using Azure.Data.Tables;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Cluster.Tests.Support;

/// <summary>A storage account of an emulator of its own.</summary>
internal sealed class AzureStoreServer : StoreServer
{
    private const string Table = "agentbudget";
    private const string OwnerRow = "owner";
    private const string AddressColumn = "OwnerAddress";

    private readonly AzuriteServer _server;

    private AzureStoreServer(AzuriteServer server) => _server = server;

    public override IReadOnlyList<string> Connection => ["--azure", _server.Connection()];

    public override IReadOnlyList<int> Ports => [_server.BlobPort, _server.TablePort];

    protected override IReadOnlyList<string> NowhereConnection =>
        ["--azure", _server.Connection(blobPort: 1, tablePort: 1)];

    protected override string Kind => "azure";

    public static async Task<AzureStoreServer> StartAsync()
    {
        AzuriteServer server = await AzuriteServer.StartAsync();
        await AzureSchema.MigrateAsync(server.Connection(), CancellationToken.None);
        return new AzureStoreServer(server);
    }

    public override async Task<string?> OwnerAddressAsync(string tenant)
    {
        NullableResponse<TableEntity> row = await new TableClient(_server.Connection(), Table)
            .GetEntityIfExistsAsync<TableEntity>(tenant, OwnerRow);
        return row.HasValue ? row.Value!.GetString(AddressColumn) : null;
    }

    public override async Task<ISharedStore> OpenAsync() => await AzureStore.OpenAsync(
        new AzureStoreOptions { Connection = _server.Connection() },
        TimeProvider.System,
        NullLoggerFactory.Instance,
        CancellationToken.None);

    public override ValueTask DisposeAsync() => _server.DisposeAsync();
}
