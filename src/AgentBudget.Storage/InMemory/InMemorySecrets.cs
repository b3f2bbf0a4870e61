using AgentBudget.Storage.Secrets;

namespace AgentBudget.Storage.InMemory;

/// <summary>Shared secrets in memory, with the same contract as the durable ones. For tests.</summary>
/// <param name="storeId">The id of the store.</param>
public sealed class InMemorySecrets(Guid storeId) : ISharedSecrets
{
    private readonly Lock _gate = new();
    private readonly Dictionary<string, SealedSecret> _secrets = new(StringComparer.Ordinal);

    /// <inheritdoc/>
    public Guid StoreId => storeId;

    /// <inheritdoc/>
    public ValueTask<SealedSecret?> ReadAsync(string name, CancellationToken cancellationToken)
    {
        lock (_gate) return ValueTask.FromResult(_secrets.GetValueOrDefault(name));
    }

    /// <inheritdoc/>
    public ValueTask<bool> TryWriteAsync(
        string name, long version, ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        lock (_gate)
        {
            if ((_secrets.GetValueOrDefault(name)?.Version ?? 0) != version) return ValueTask.FromResult(false);
            _secrets[name] = new SealedSecret(version + 1, bytes.ToArray());
            return ValueTask.FromResult(true);
        }
    }
}
