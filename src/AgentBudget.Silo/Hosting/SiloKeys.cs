using System.Security.Cryptography;
using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Identity;
using AgentBudget.Notifications.Books;
using AgentBudget.Silo.Options;
using AgentBudget.Storage;
using AgentBudget.Storage.Secrets;
using AgentBudget.Storage.Sqlite.Files;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// The keys of a silo: in its data folder, and in a cluster the same on every silo, shared through the store.
/// </summary>
internal sealed class SiloKeys : IAsyncDisposable
{
    private const int GuidBytes = 16;

    private SiloKeys(FileKey admin, FileKey metrics, KeyRing ring, CheckpointKey checkpoint, ReservationIds ids)
    {
        Admin = admin;
        Metrics = metrics;
        Ring = ring;
        Checkpoint = checkpoint;
        Reservations = ids;
    }

    /// <summary>The operator's.</summary>
    internal FileKey Admin { get; }

    /// <summary>Reads metrics.</summary>
    internal FileKey Metrics { get; }

    /// <summary>Signs tokens.</summary>
    internal KeyRing Ring { get; }

    /// <summary>The same where it is shared; null where it is not.</summary>
    internal SharedKeyRing? SharedRing { get; private init; }

    /// <summary>What the silos of a cluster share; null for a silo by itself.</summary>
    internal SharedKeys? Shared { get; private init; }

    /// <summary>Where notices go, sealed: in the store that the silos share, or in the folder of a silo by itself.
    /// </summary>
    internal required EndpointBooks Notices { get; init; }

    /// <summary>Signs checkpoints.</summary>
    internal CheckpointKey Checkpoint { get; }

    /// <summary>Names reservations.</summary>
    internal ReservationIds Reservations { get; }

    /// <summary>
    /// Reads the keys, or makes them. Throws <see cref="OptionsException"/> for a file or a cluster's key that is
    /// wrong, <see cref="StoreException"/> for the store.
    /// </summary>
    internal static async Task<SiloKeys> LoadAsync(
        SiloModel model, DataFolder folder, ISharedSecrets? secrets, TimeProvider time, ILogger logger)
    {
        try
        {
            SharedKeyRing? shared = null;
            SharedKeys? keys = null;
            if (model.Cluster is { } cluster && secrets is not null)
            {
                folder.CheckStore(secrets.StoreId);
                keys = new SharedKeys(secrets, ClusterKey.Load(cluster.KeyPath));
                await keys.CheckAsync(CancellationToken.None);
                await BringAsync(keys, folder, model);
                await SharedReplayMemory.BeginAsync(keys, time, CancellationToken.None);
                shared = await SharedKeyRing.OpenAsync(
                    keys, folder.SigningKeyFile, time, logger, CancellationToken.None);
            }

            return new SiloKeys(
                FileKey.LoadOrCreate(folder.AdminKeyFile, FileKey.AdminPrefix, out _),
                FileKey.LoadOrCreate(folder.MetricsKeyFile, FileKey.MetricsPrefix, out _),
                shared?.Ring ?? KeyRing.LoadOrCreate(folder.SigningKeyFile, folder.RetiredKeysFile),
                CheckpointKey.LoadOrCreate(model.CheckpointKeyPath),
                ReservationIds.LoadOrCreate(folder.ReservationKeyFile))
            {
                SharedRing = shared,
                Shared = keys,
                Notices = new EndpointBooks(keys ?? OfThisSilo(folder)),
            };
        }
        catch (InvalidDataException fault)
        {
            throw new OptionsException(fault.Message);
        }
    }

    /// <summary>From now on every change of the keys is told to the other silos, where they share them.</summary>
    internal void TellOthersBy(ISiloPeers peers)
    {
        if (SharedRing is not null) SharedRing.TellOthersAsync = peers.SigningKeysAsync;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (SharedRing is not null) await SharedRing.DisposeAsync();
        Ring.Dispose();
        Checkpoint.Dispose();
        Reservations.Dispose();
    }

    private static SharedKeys OfThisSilo(DataFolder folder)
    {
        FileKey.LoadOrCreate(folder.NoticesKeyFile, FileKey.NoticesPrefix, out _);
        SecretFolder secrets =
            SecretFolder.Open(folder.NoticesFolder, () => new Guid(RandomNumberGenerator.GetBytes(GuidBytes)));
        return new SharedKeys(secrets, ClusterKey.Load(folder.NoticesKeyFile));
    }

    private static async Task BringAsync(SharedKeys keys, DataFolder folder, SiloModel model)
    {
        await keys.BringAsync(
            "admin.key",
            folder.AdminKeyFile,
            () => FileKey.LoadOrCreate(folder.AdminKeyFile, FileKey.AdminPrefix, out _),
            CancellationToken.None);
        await keys.BringAsync(
            "metrics.key",
            folder.MetricsKeyFile,
            () => FileKey.LoadOrCreate(folder.MetricsKeyFile, FileKey.MetricsPrefix, out _),
            CancellationToken.None);
        await keys.BringAsync(
            "checkpoint.key",
            model.CheckpointKeyPath,
            () => CheckpointKey.LoadOrCreate(model.CheckpointKeyPath).Dispose(),
            CancellationToken.None);
        await keys.BringAsync(
            "reservations.key",
            folder.ReservationKeyFile,
            () => ReservationIds.LoadOrCreate(folder.ReservationKeyFile).Dispose(),
            CancellationToken.None);
    }
}
