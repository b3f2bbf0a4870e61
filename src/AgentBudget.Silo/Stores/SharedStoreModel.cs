using AgentBudget.Silo.Options;
using AgentBudget.Storage;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Stores;

/// <summary>
/// A store that the silos of a cluster share: which one, and where. What is different from store to store is said by
/// the records that derive from it, and asked of nobody else.
/// </summary>
/// <param name="Connection">Where it is. It may hold a password or a key, so nothing repeats it.</param>
internal abstract record SharedStoreModel(string Connection)
{
    /// <summary>What a person calls it.</summary>
    public abstract string Name { get; }

    /// <summary>The one that is named by the keys of <c>cluster</c>; null when store is another.</summary>
    public static SharedStoreModel? From(SiloClusterOptions options, string store) => store switch
    {
        ServeOptions.PostgresStore => new PostgresStoreModel(options.Postgres ?? throw new OptionsException(
            "cluster:postgres must name the database, since store is postgres.")),
        ServeOptions.AzureStore => new AzureStoreModel(options.Azure ?? throw new OptionsException(
            "cluster:azure must name the storage account, since store is azure.")),
        _ => null,
    };

    /// <summary>
    /// The one that a person does something with once: that of store, or the only one that the keys of <c>cluster</c>
    /// name. Throws <see cref="OptionsException"/> when none is.
    /// </summary>
    public static SharedStoreModel Once(SiloClusterOptions options, string store)
    {
        if (From(options, store) is { } named) return named;
        return (options.Postgres, options.Azure) switch
        {
            ({ } postgres, null) => new PostgresStoreModel(postgres),
            (null, { } azure) => new AzureStoreModel(azure),
            (null, null) => throw new OptionsException(
                "cluster:postgres must name the database, or cluster:azure the storage account."),
            _ => throw new OptionsException(
                "cluster:postgres and cluster:azure are both set: say with store which one is meant."),
        };
    }

    /// <summary>Opens it once it is what a ledger can be trusted to. Throws <see cref="StoreException"/>.</summary>
    public abstract Task<ISharedStore> OpenAsync(string ownerAddress, TimeProvider time, ILoggerFactory loggers);

    /// <summary>
    /// Makes it, or brings it up to this release; answers what was done, and what a person does next. Throws
    /// <see cref="StoreException"/>.
    /// </summary>
    public abstract Task<(IReadOnlyList<string> Steps, string Then)> MigrateAsync();

    /// <summary>Membership and reminders of Orleans are kept beside the ledgers.</summary>
    public abstract ISiloBuilder UseMembership(ISiloBuilder silo, ISharedStore store);

    /// <inheritdoc/>
    public sealed override string ToString() => Name;
}
