using System.Security.Cryptography;
using System.Text;
using Azure;
using Azure.Data.Tables;

namespace AgentBudget.Storage.Azure.Tables;

/// <summary>Who owns a tenant, and where its journal goes on.</summary>
/// <param name="Key">The tenant's key, of which all its rows and blobs begin.</param>
/// <param name="Name">The tenant's name.</param>
/// <param name="Epoch">Of the newest ownership.</param>
/// <param name="Owner">Whose it is.</param>
/// <param name="OwnerAddress">What the owner calls itself.</param>
/// <param name="Segment">
/// A segment of the journal from which the open one is reached; null before the first. Written before the first group
/// of its segment, so a segment that is named and not there was lost.
/// </param>
/// <param name="ETag">What the row's next change is compared with.</param>
internal sealed record TenantRow(
    string Key, string Name, long Epoch, Guid Owner, string OwnerAddress, string? Segment, ETag ETag)
{
    /// <summary>The key of the row within the tenant's partition.</summary>
    public const string RowKey = "owner";

    private const string NameColumn = "Name";
    private const string EpochColumn = "Epoch";
    private const string OwnerColumn = "Owner";
    private const string AddressColumn = "OwnerAddress";
    private const string SegmentColumn = "Segment";
    private const int LeaseIdLength = 16;

    /// <summary>
    /// The id of this ownership's leases: of no other, whatever epoch a process believes to have.
    /// </summary>
    public string LeaseId
    {
        get
        {
            byte[] hash = SHA256.HashData(Encoding.UTF8.GetBytes($"{Key}\n{Epoch}\n{Owner:N}"));
            return new Guid(hash.AsSpan(0, LeaseIdLength)).ToString();
        }
    }

    public static TenantRow Of(TableEntity row) => new(
        row.PartitionKey,
        row.GetString(NameColumn),
        row.GetInt64(EpochColumn).GetValueOrDefault(),
        row.GetGuid(OwnerColumn).GetValueOrDefault(),
        row.GetString(AddressColumn),
        row.GetString(SegmentColumn),
        row.ETag);

    public TableEntity ToEntity() => new(Key, RowKey)
    {
        [NameColumn] = Name,
        [EpochColumn] = Epoch,
        [OwnerColumn] = Owner,
        [AddressColumn] = OwnerAddress,
        [SegmentColumn] = Segment,
    };
}
