using System.Globalization;
using AgentBudget.Identity;
using AgentBudget.Protocol.Notifier.V1;
using Google.Protobuf;

namespace AgentBudget.Notifications.Books;

/// <summary>
/// The records of endpoints, sealed, in the store that the silos share, or in the data folder of a silo by itself. Each
/// is written whole and only over the version that was read, so of two who own a tenant's notifier for a moment one
/// writes. Throws <see cref="AgentBudget.Storage.StoreException"/>, and <see cref="InvalidDataException"/> for what was
/// sealed with another key. Safe for any thread.
/// </summary>
public sealed class EndpointBooks(SharedKeys keys)
{
    internal const int Format = 1;

    private const string Prefix = "notices/";

    /// <summary>Which endpoints there are, with the version of that record.</summary>
    internal async Task<(long Version, EndpointIndex Index)> ReadIndexAsync(
        string tenant, CancellationToken cancellationToken) =>
        await keys.ReadBytesAsync(Prefix + tenant, cancellationToken) is { } found
            ? (found.Version, Known(EndpointIndex.Parser.ParseFrom(found.Bytes), index => index.Format))
            : (0, new EndpointIndex { Format = Format });

    internal Task<bool> TryWriteAsync(
        string tenant, long version, EndpointIndex index, CancellationToken cancellationToken) =>
        keys.TryWriteBytesAsync(Prefix + tenant, version, index.ToByteArray(), cancellationToken);

    /// <summary>One record, with its version; an empty one where nobody wrote it.</summary>
    internal async Task<(long Version, EndpointBook Book)> ReadAsync(
        string tenant, int slot, CancellationToken cancellationToken) =>
        await keys.ReadBytesAsync(NameOf(tenant, slot), cancellationToken) is { } found
            ? (found.Version, Known(EndpointBook.Parser.ParseFrom(found.Bytes), book => book.Format))
            : (0, new EndpointBook { Format = Format });

    internal Task<bool> TryWriteAsync(
        string tenant, int slot, long version, EndpointBook book, CancellationToken cancellationToken) =>
        keys.TryWriteBytesAsync(NameOf(tenant, slot), version, book.ToByteArray(), cancellationToken);

    private static string NameOf(string tenant, int slot) =>
        string.Create(CultureInfo.InvariantCulture, $"{Prefix}{tenant}/{slot}");

    private static T Known<T>(T record, Func<T, int> formatOf) => formatOf(record) == Format
        ? record
        : throw new InvalidDataException(
            $"A record of notices has format {formatOf(record)}, and this release reads {Format}.");
}
