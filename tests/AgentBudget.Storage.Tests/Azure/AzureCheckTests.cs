using AgentBudget.Storage.Azure;
using AgentBudget.Storage.Azure.Connections;
using AgentBudget.Storage.Azure.Schema;
using Azure.Data.Tables;
using Azure.Storage.Blobs;
using Microsoft.Extensions.Time.Testing;

namespace AgentBudget.Storage.Tests.Azure;

/// <summary>A store that a ledger should not be trusted to is not opened, and one sentence says why.</summary>
[Collection(AzureTests.Name)]
public sealed class AzureCheckTests(AzuriteServers servers) : IAsyncLifetime
{
    private AzureStoreOptions? _options;

    private AzureStoreOptions Options => _options!;

    public async ValueTask InitializeAsync() => _options = await servers.CreateStoreAsync();

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task A_store_is_made_once()
    {
        AzureStoreOptions fresh = Options with { Name = servers.Server.NewStoreName() };
        await AssertRefusedAsync(fresh, "it has no store of AgentBudget; make it with --migrate");
        Assert.Equal(
            [$"container {fresh.Name}", $"table {fresh.Name}", "store"],
            await AzureSchema.MigrateAsync(fresh, default));
        Guid id;
        await using (AzureStore store = await AzuriteServers.OpenAsync(fresh)) id = store.StoreId;
        Assert.Empty(await AzureSchema.MigrateAsync(fresh, default));
        await using AzureStore again = await AzuriteServers.OpenAsync(fresh);
        Assert.Equal(id, again.StoreId);
        await using AzureStore another = await AzuriteServers.OpenAsync(Options);
        Assert.NotEqual(id, another.StoreId);
    }

    [Fact]
    public async Task A_store_without_its_container_or_its_row_is_refused()
    {
        await new BlobContainerClient(Options.Connection, Options.Name).DeleteAsync();
        await AssertRefusedAsync(Options, "it has no store of AgentBudget; make it with --migrate");
        Assert.Equal([$"container {Options.Name}"], await AzureSchema.MigrateAsync(Options, default));
        await Table.DeleteEntityAsync("Store", "store");
        await AssertRefusedAsync(Options, "it has no store of AgentBudget; make it with --migrate");
    }

    [Fact]
    public async Task An_older_format_and_a_later_one_are_refused()
    {
        TableEntity row = await Table.GetEntityAsync<TableEntity>("Store", "store");
        row["Version"] = 0;
        await Table.UpdateEntityAsync(row, row.ETag, TableUpdateMode.Replace);
        await AssertRefusedAsync(Options, "it is kept in format 0 and this release needs 1; run --migrate");
        row = await Table.GetEntityAsync<TableEntity>("Store", "store");
        row["Version"] = 99;
        await Table.UpdateEntityAsync(row, row.ETag, TableUpdateMode.Replace);
        await AssertRefusedAsync(Options, "it is kept in format 99, of a later release");
    }

    [Fact]
    public async Task What_cannot_be_reached_is_refused_with_a_sentence()
    {
        string wrongKey = servers.Server.Connection(key: Convert.ToBase64String(new byte[64]));
        await AssertRefusedAsync(
            Options with { Connection = wrongKey }, "the account does not accept the key of the connection string");
        await AssertRefusedAsync(
            Options with { Connection = servers.Server.Connection(blobPort: 1, tablePort: 1) },
            "nobody answers at its address");
        await AssertRefusedAsync(Options with { Connection = "nonsense" }, "must be DefaultEndpointsProtocol=https;");
    }

    [Theory]
    [InlineData("nonsense", "must be DefaultEndpointsProtocol=https;AccountName=…")]
    [InlineData("AccountName=a", "must be DefaultEndpointsProtocol=https;AccountName=…")]
    [InlineData("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=no!base64", "must be DefaultEndpointsProtocol")]
    [InlineData("DefaultEndpointsProtocol=http;AccountName=a;AccountKey=YQ==", "must use https")]
    public void A_connection_string_that_is_none_is_a_sentence(string connection, string sentence) =>
        Assert.StartsWith(sentence, AzureConnectionString.FaultOf(connection), StringComparison.Ordinal);

    [Theory]
    [InlineData("DefaultEndpointsProtocol=https;AccountName=a;AccountKey=YQ==;EndpointSuffix=core.windows.net")]
    [InlineData("UseDevelopmentStorage=true")]
    public void A_connection_string_that_can_be_tried_has_no_fault(string connection) =>
        Assert.Null(AzureConnectionString.FaultOf(connection));

    [Theory]
    [InlineData(60, "s ahead of the service's")]
    [InlineData(-60, "s behind the service's")]
    public async Task A_clock_that_is_off_by_a_minute_is_refused(int seconds, string sentence)
    {
        FakeTimeProvider time = new(TimeProvider.System.GetUtcNow().AddSeconds(seconds));
        var refusal = await Assert.ThrowsAsync<StoreException>(() => AzuriteServers.OpenAsync(Options, time));
        Assert.Contains(sentence, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_secret_is_written_by_whoever_knows_its_version()
    {
        await using AzureStore one = await AzuriteServers.OpenAsync(Options);
        await using AzureStore other = await AzuriteServers.OpenAsync(Options);
        await SharedSecretsKit.AssertWrittenByVersionAsync(one, other);
    }

    private TableClient Table => new(Options.Connection, Options.Name);

    private static async Task AssertRefusedAsync(AzureStoreOptions options, string sentence)
    {
        var refusal = await Assert.ThrowsAsync<StoreException>(() => AzuriteServers.OpenAsync(options));
        Assert.Contains(sentence, refusal.Message, StringComparison.Ordinal);
    }
}
