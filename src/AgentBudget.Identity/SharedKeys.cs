using System.Text;
using AgentBudget.Storage.Secrets;

namespace AgentBudget.Identity;

/// <summary>What the silos of a cluster share, sealed in its store. Safe for any thread.</summary>
/// <param name="store">Where it is.</param>
/// <param name="key">Seals it.</param>
public sealed class SharedKeys(ISharedSecrets store, ClusterKey key)
{
    private const string CheckName = "cluster.check";
    private const string CheckText = "agentbudget";

    /// <summary>
    /// Whether the key is the cluster's: the first silo leaves a mark, and every other one opens it.
    /// </summary>
    /// <exception cref="InvalidDataException">It is not.</exception>
    public async Task CheckAsync(CancellationToken cancellationToken) =>
        await ReadOrAddAsync(CheckName, static () => CheckText, cancellationToken);

    /// <summary>
    /// Makes a file with a key the same on every silo: the store's key is put into it, or the file's, which is made if
    /// it is missing, into the store.
    /// </summary>
    /// <param name="name">What the key is called in the store.</param>
    /// <param name="path">The file.</param>
    /// <param name="make">Makes the file.</param>
    /// <param name="cancellationToken">Gives up waiting for the store.</param>
    /// <exception cref="InvalidDataException">The store's was sealed with another key.</exception>
    /// <exception cref="IOException">The file cannot be read or written.</exception>
    public async Task BringAsync(string name, string path, Action make, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(make);
        string shared = await ReadOrAddAsync(
            name,
            () =>
            {
                make();
                return File.ReadAllText(path).Trim();
            },
            cancellationToken);
        if (!File.Exists(path) || File.ReadAllText(path).Trim() != shared)
            SecretFile.Replace(path, shared);
    }

    /// <summary>A secret, with its version to replace it; null for one that nobody wrote.</summary>
    /// <exception cref="InvalidDataException">It was sealed with another key.</exception>
    internal async Task<(long Version, string Text)?> ReadAsync(string name, CancellationToken cancellationToken) =>
        await ReadBytesAsync(name, cancellationToken) is { } found
            ? (found.Version, Encoding.UTF8.GetString(found.Bytes))
            : null;

    /// <summary>The same as bytes.</summary>
    /// <exception cref="InvalidDataException">It was sealed with another key.</exception>
    public async Task<(long Version, byte[] Bytes)?> ReadBytesAsync(string name, CancellationToken cancellationToken)
    {
        if (await store.ReadAsync(name, cancellationToken) is not { } found) return null;
        byte[]? secret = key.Open(store.StoreId, name, found.Bytes.Span);
        return secret is null
            ? throw new InvalidDataException(
                "The cluster key does not open what this store's silos share: it is another cluster's key, or this is "
                + "another cluster's store. Give the key that the first silo was started with.")
            : (found.Version, secret);
    }

    /// <summary>Writes a secret if its version is still this one; 0 for one that nobody wrote.</summary>
    internal Task<bool> TryWriteAsync(
        string name, long version, string text, CancellationToken cancellationToken) =>
        TryWriteBytesAsync(name, version, Encoding.UTF8.GetBytes(text), cancellationToken);

    /// <summary>The same as bytes.</summary>
    public async Task<bool> TryWriteBytesAsync(
        string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken) =>
        await store.TryWriteAsync(name, version, key.Seal(store.StoreId, name, bytes.Span), cancellationToken);

    /// <summary>A secret, which is made if nobody wrote it yet.</summary>
    /// <exception cref="InvalidDataException">It was sealed with another key.</exception>
    internal async Task<string> ReadOrAddAsync(string name, Func<string> make, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await ReadAsync(name, cancellationToken) is { } found) return found.Text;
            string made = make();
            if (await TryWriteAsync(name, version: 0, made, cancellationToken)) return made;
        }
    }
}
