namespace AgentBudget.Storage.Secrets;

/// <summary>
/// Small secrets that all silos of a cluster share, such as the key that signs tokens. A store sees them sealed and
/// cannot read them. Methods throw <see cref="StoreException"/> when the store cannot be reached; all are safe to call
/// from any thread.
/// </summary>
public interface ISharedSecrets
{
    /// <summary>The id of the store, made with its schema: no other store has it, and it never changes.</summary>
    Guid StoreId { get; }

    /// <summary>The secret of a name; null for one that nobody wrote.</summary>
    ValueTask<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken);

    /// <summary>
    /// Writes a secret whose version is now <paramref name="version"/>, which is 0 for one that nobody wrote; then it
    /// has the next version. False, and no effect, when somebody else wrote since.
    /// </summary>
    ValueTask<bool> TryWriteAsync(
        string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken);
}

/// <summary>A secret as the store has it.</summary>
/// <param name="Version">How often it was written, from 1.</param>
/// <param name="Bytes">Sealed.</param>
public sealed record SealedSecret(long Version, ReadOnlyMemory<byte> Bytes);
