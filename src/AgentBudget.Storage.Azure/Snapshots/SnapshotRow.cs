using System.Globalization;
using AgentBudget.Storage.Journal;
using Azure.Data.Tables;

namespace AgentBudget.Storage.Azure.Snapshots;

/// <summary>A snapshot that is there: its body is in a blob, and was written before the row.</summary>
/// <param name="Head">The group that it was taken after.</param>
/// <param name="NextDeadlineNanos">When the state next changes by itself.</param>
/// <param name="Blob">Where its body is.</param>
/// <param name="Length">How long that is.</param>
/// <param name="Checksum">Its SHA-256.</param>
internal sealed record SnapshotRow(
    JournalHead Head, long NextDeadlineNanos, string Blob, long Length, ChainHash Checksum)
{
    private const string KeyPrefix = "snapshot-";
    private const string SequenceColumn = "Sequence";
    private const string EpochColumn = "Epoch";
    private const string LastEventColumn = "LastEvent";
    private const string HashColumn = "Hash";
    private const string DeadlineColumn = "NextDeadline";
    private const string BlobColumn = "Blob";
    private const string LengthColumn = "Length";
    private const string ChecksumColumn = "Checksum";

    /// <summary>What all of them are between, as OData compares keys.</summary>
    public static string Filter => $"RowKey ge '{KeyPrefix}' and RowKey lt '{KeyPrefix}~'";

    /// <summary>The key of the row within the tenant's partition: sorted by the event.</summary>
    public static string KeyOf(long lastEvent) =>
        string.Create(CultureInfo.InvariantCulture, $"{KeyPrefix}{lastEvent:D19}");

    /// <summary>Whether a row is one of a snapshot.</summary>
    public static bool Is(TableEntity row) => row.RowKey.StartsWith(KeyPrefix, StringComparison.Ordinal);

    /// <summary>Null for a row that was changed by hand.</summary>
    public static SnapshotRow? Of(TableEntity row)
    {
        if (row.GetBinary(HashColumn) is not { Length: ChainHash.Length } hash
            || row.GetBinary(ChecksumColumn) is not { Length: ChainHash.Length } checksum
            || row.GetString(BlobColumn) is not { } blob)
        {
            return null;
        }

        JournalHead head = new(
            row.GetInt64(SequenceColumn).GetValueOrDefault(),
            row.GetInt64(EpochColumn).GetValueOrDefault(),
            row.GetInt64(LastEventColumn).GetValueOrDefault(),
            new ChainHash(hash));
        return new SnapshotRow(
            head,
            row.GetInt64(DeadlineColumn).GetValueOrDefault(),
            blob,
            row.GetInt64(LengthColumn).GetValueOrDefault(),
            new ChainHash(checksum));
    }

    public TableEntity ToEntity(string key) => new(key, KeyOf(Head.LastEvent))
    {
        [SequenceColumn] = Head.Sequence,
        [EpochColumn] = Head.Epoch,
        [LastEventColumn] = Head.LastEvent,
        [HashColumn] = Bytes(Head.Hash),
        [DeadlineColumn] = NextDeadlineNanos,
        [BlobColumn] = Blob,
        [LengthColumn] = Length,
        [ChecksumColumn] = Bytes(Checksum),
    };

    private static byte[] Bytes(ChainHash hash)
    {
        byte[] bytes = new byte[ChainHash.Length];
        hash.CopyTo(bytes);
        return bytes;
    }
}
