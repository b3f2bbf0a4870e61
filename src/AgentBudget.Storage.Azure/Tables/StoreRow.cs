using System.Security.Cryptography;
using AgentBudget.Storage.Azure.Connections;
using Azure;
using Azure.Data.Tables;

namespace AgentBudget.Storage.Azure.Tables;

/// <summary>The one row that says which store this is, and in which format it is kept.</summary>
internal sealed class StoreRow(TableClient table)
{
    private const string Partition = "Store"; // A tenant's key has small letters only.
    private const string Row = "store";
    private const string Id = "Id";
    private const string Format = "Version";
    private const int IdLength = 16;

    /// <summary>The store's id and format, and the service's clock; null when there is no such row.</summary>
    public async Task<(Guid Id, int Version, DateTimeOffset? Clock)?> ReadAsync(CancellationToken cancellationToken)
    {
        NullableResponse<TableEntity> read =
            await table.GetEntityIfExistsAsync<TableEntity>(Partition, Row, cancellationToken: cancellationToken);
        if (!read.HasValue) return null;
        TableEntity row = read.Value!;
        return (row.GetGuid(Id).GetValueOrDefault(), row.GetInt32(Format).GetValueOrDefault(),
            read.GetRawResponse().Headers.Date);
    }

    /// <summary>Makes the row; false when it is there.</summary>
    public async Task<bool> TryMakeAsync(int version, CancellationToken cancellationToken)
    {
        try
        {
            TableEntity row = new(Partition, Row)
            {
                [Id] = new Guid(RandomNumberGenerator.GetBytes(IdLength)),
                [Format] = version,
            };
            await table.AddEntityAsync(row, cancellationToken);
            return true;
        }
        catch (RequestFailedException taken) when (AzureFaults.IsTaken(taken))
        {
            return false;
        }
    }
}
