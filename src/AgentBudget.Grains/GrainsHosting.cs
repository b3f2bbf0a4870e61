using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Grains.Entities;
using AgentBudget.Grains.Feeds;
using AgentBudget.Grains.Lanes;
using AgentBudget.Grains.Notices;
using AgentBudget.Grains.Peers;
using AgentBudget.Grains.Placement;
using AgentBudget.Grains.Replays;
using AgentBudget.Grains.Tenants;
using AgentBudget.Identity;
using AgentBudget.Notifications;
using AgentBudget.Reporting;
using AgentBudget.Runtime;
using AgentBudget.Runtime.Time;
using AgentBudget.Storage;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Streams;

namespace AgentBudget.Grains;

/// <summary>Puts the grains into an Orleans silo.</summary>
public static class GrainsHosting
{
    /// <summary>
    /// How often a silo looks for hints that arrived: what live watchers wait for at most. It is most of what an idle
    /// silo does: fifty looks a second were 6 percent of a core.
    /// </summary>
    private static readonly TimeSpan HintPollInterval = TimeSpan.FromMilliseconds(50);

    /// <summary>A tenant or entity that nobody asked for as long leaves memory.</summary>
    private static readonly TimeSpan IdleTime = TimeSpan.FromMinutes(10);

    /// <summary>
    /// Places of grains that a silo remembers, for which the runtime makes room at once. Most calls go to the grain of
    /// a tenant; a place that was forgotten is asked for again.
    /// </summary>
    private const int PlacesMax = 20_000;

    /// <summary>
    /// How often a silo writes that it lives. One that missed three is not waited for by a silo that starts, so after
    /// all silos of a cluster were killed the first one to start waits as long.
    /// </summary>
    private static readonly TimeSpan AliveInterval = TimeSpan.FromSeconds(5);

    /// <summary>How long a silo tries to join: well above what it waits for those that are dead.</summary>
    private static readonly TimeSpan JoinTime = TimeSpan.FromSeconds(60);

    /// <summary>
    /// Adds the tenants. An <see cref="ILedgerStore"/>, the <see cref="Aggregator"/> of reports, the
    /// <see cref="NotifierServices"/>, a <see cref="TimeProvider"/> and logging are the caller's to register;
    /// clustering too. What callers use is <see cref="ITenantHost"/> and <see cref="INotifiers"/>. When the silo stops,
    /// it takes no more commands and ends all watches before the first grain leaves.
    /// </summary>
    /// <param name="silo">The silo.</param>
    /// <param name="activations">Bounds of tenants in memory.</param>
    /// <param name="lanes">Bounds of commands that wait.</param>
    public static ISiloBuilder AddTenants(
        this ISiloBuilder silo, ActivationOptions activations, LaneOptions lanes)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services
            .AddSingleton(lanes)
            .AddSingleton(services => new ActivationServices(
                services.GetRequiredService<ILedgerStore>(),
                activations,
                services.GetRequiredService<TimeProvider>(),
                services.GetRequiredService<ILoggerFactory>(),
                services.GetRequiredService<LogClock>()))
            .AddSingleton<HintSender>()
            .AddSingleton<LedgerPages>()
            .AddSingleton<SiloTenants>()
            .AddSingleton<ITenantHost, EntityHost>()
            .AddSingleton<INotifiers, GrainNotifiers>()
            .AddSingleton<SiloNewsClient>()
            .AddSingleton<ISiloPeers, SiloPeers>()
            .AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(
                services => services.GetRequiredService<SiloTenants>())
            .AddHostedService<TenantScan>();
        silo.Services.TryAddSingleton(services =>
        {
            var clock = new LogClock(
                services.GetRequiredService<TimeProvider>(), services.GetRequiredService<ILogger<LogClock>>());
            clock.CatchUpByItself();
            return clock;
        });
        // Ledgers go by the clock that the silo is told; timers and timeouts of the runtime by the real one.
        silo.Services.AddKeyedSingleton(KeyedService.AnyKey, TimeProvider.System);
        silo.AddGrainService<SiloNews>();
        silo.AddPlacementDirector<TenantPlacement, TenantPlacementDirector>();
        silo.AddMemoryStreams(LedgerHint.StreamProvider, streams =>
        {
            streams.ConfigurePartitioning(1);
            streams.ConfigureStreamPubSub(StreamPubSubType.ImplicitOnly);
            streams.ConfigurePullingAgent(options =>
                options.Configure(pulling => pulling.GetQueueMsgsTimerPeriod = HintPollInterval));
        });
        silo.Configure<GrainCollectionOptions>(collection =>
        {
            collection.CollectionAge = IdleTime;
            collection.ActivationTimeout = TimeSpan.FromSeconds(60);
        });
        silo.Configure<GrainDirectoryOptions>(directory => directory.CacheSize = PlacesMax);
        silo.Configure<SiloMessagingOptions>(messaging =>
        {
            messaging.ResponseTimeout = TimeSpan.FromSeconds(10);
            messaging.MaxRequestProcessingTime = TimeSpan.FromSeconds(60);
        });
        silo.Configure<ClusterMembershipOptions>(membership =>
        {
            membership.ProbeTimeout = TimeSpan.FromSeconds(1);
            membership.MaxProbeTimeout = TimeSpan.FromSeconds(3);
            membership.NumMissedProbesLimit = 3;
            membership.MaxJoinAttemptTime = JoinTime;
            membership.IAmAliveTablePublishTimeout = AliveInterval;
        });
        return silo;
    }

    /// <summary>
    /// Adds the memory of what was used once that the silos of a cluster share: an <see cref="IReplayMemory"/> for each
    /// <see cref="ReplayKind"/>, by its name. They keep in the store what outlives its owner.
    /// </summary>
    public static IServiceCollection AddClusterReplayMemory(this IServiceCollection services, SharedKeys keys)
    {
        services.AddSingleton(keys);
        foreach (ReplayKind kind in (ReplayKind[])[ReplayKind.Proofs, ReplayKind.Assertions])
        {
            services.AddKeyedSingleton<IReplayMemory>(kind.Name, (provider, _) =>
                new ClusterReplayMemory(provider.GetRequiredService<IGrainFactory>(), kind));
        }

        return services;
    }

    /// <summary>
    /// The tenants that have a ledger, before the first call is served: they are known from here on, their reports
    /// catch up by themselves, and notices that wait are sent.
    /// </summary>
    public static async Task<IReadOnlyList<string>> FindTenantsAsync(
        this IServiceProvider services, CancellationToken cancellationToken)
    {
        SiloTenants tenants = services.GetRequiredService<SiloTenants>();
        await tenants.ListAsync(cancellationToken);
        IGrainFactory grains = services.GetRequiredService<IGrainFactory>();
        foreach (string tenant in tenants.Tenants)
        {
            await grains.GetGrain<IAggregatorGrain>(tenant).FoldTo(0);
            await grains.GetGrain<INotifierGrain>(tenant).Wake();
        }

        return tenants.Tenants;
    }
}
