using AgentBudget.Audit;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Identity;
using AgentBudget.Notifications;
using AgentBudget.Notifications.Books;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Runtime.Events;
using AgentBudget.Storage;
using AgentBudget.Storage.InMemory;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans.Core.Internal;
using Orleans.Runtime.Placement;
using Orleans.TestingHost;

namespace AgentBudget.Grains.Tests.Support;

/// <summary>Silos in this process with the tenants as the product adds them, over one store in memory.</summary>
internal sealed class TestCluster : IAsyncDisposable
{
    // What the runtime tells of grains that it reaches for while their silo comes or goes. A silo of the product that
    // stops keeps that out of its log.
    private static readonly string[] ErrorsOfAChange = ["Error Orleans.", "Orleans.Placement/(null)/Retry"];

    // At a silo that stays: a hint on its way to the one that goes.
    private const string ErrorOfAHint = "[200401]";

    // One wait of the runtime goes by the clock of the ledgers: the one for a grain's first placement.
    private static readonly string[] ErrorsOfTimeThatLeaps =
        ["Orleans.Placement/(null)/Timeout", "Grain placement operation timed out"];

    private readonly Dictionary<string, InMemoryStore> _views = [];
    private readonly List<ClusterSilo> _silos = [];
    private readonly DirectoryInfo _reports = Directory.CreateTempSubdirectory("agentbudget-reports-");
    private readonly SharedKeys _keys;
    private readonly InProcessTestCluster _cluster;
    private InMemoryStore _newestView;
    private volatile bool _isStopped;

    private TestCluster(ClusterSetup setup)
    {
        Store = setup.Store;
        _newestView = setup.Store;
        string key = Path.Combine(_reports.FullName, "cluster.key");
        File.WriteAllText(key, new string('k', ClusterKey.BytesMin));
        _keys = new SharedKeys(
            new InMemorySecrets(new Guid(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11)), ClusterKey.Load(key));
        if (setup.Silos > 1) Expect([.. ErrorsOfAChange, ErrorOfAHint]);
        if (setup.Time != TimeProvider.System) Expect(ErrorsOfTimeThatLeaps);
        InProcessTestClusterBuilder builder = new(setup.Silos);
        builder.Options.ConfigureFileLogging = false;
        builder.Options.InitializeClientOnDeploy = false; // Callers are silos, as in the product.
#pragma warning disable ORLEANSEXP003 // The directory in which ranges are handed over between silos is experimental.
        builder.Options.UseDistributedGrainDirectory = true;
#pragma warning restore ORLEANSEXP003
        builder.ConfigureSilo((options, silo) =>
        {
            silo.Services
                .AddSingleton<ILoggerFactory>(Log)
                .AddSingleton(setup.Time)
                .AddSingleton<ILedgerStore>(ViewOf(options.SiloName))
                .AddSingleton(services => new NotifierServices(
                    new EndpointBooks(_keys),
                    new NotificationOptions(AllowPrivate: true, null),
                    services.GetRequiredService<TimeProvider>(),
                    Log))
                .AddSingleton(_ => Aggregator.Open(Path.Combine(_reports.FullName, options.SiloName)));
            silo.UseInMemoryReminderService();
            silo.AddTenants(setup.Activations, setup.Lanes);
            setup.Configure(silo);
        });
        _cluster = builder.Build();
    }

    public ClusterLog Log { get; } = new();

    public InMemoryStore Store { get; }

    /// <summary>The silos that run.</summary>
    public IReadOnlyList<ClusterSilo> Silos
    {
        get
        {
            lock (_silos) return [.. _silos];
        }
    }

    /// <summary>All silos stop or have stopped.</summary>
    public bool IsStopped => _isStopped;

    /// <summary>Grains as one of the silos calls them.</summary>
    public IGrainFactory Grains => Silos[0].Grains;

    public static async Task<TestCluster> StartAsync(ClusterSetup? setup = null)
    {
        TestCluster cluster = new(setup ?? new ClusterSetup());
        await Waiting.WithinAsync(cluster._cluster.DeployAsync(), "the cluster");
        foreach (InProcessSiloHandle handle in cluster._cluster.Silos) cluster.Add(handle);
        await cluster.KnowEachOtherAsync();
        return cluster;
    }

    public ITenantGrain TenantGrain(string tenant = Acme.Tenant) => Grains.GetGrain<ITenantGrain>(tenant);

    public ILedgerFeedGrain FeedGrain(string tenant = Acme.Tenant) => Grains.GetGrain<ILedgerFeedGrain>(tenant);

    /// <summary>The silo where a grain is active; null where it is not.</summary>
    public ClusterSilo? HomeOf(IAddressable grain) =>
        _cluster.TryGetGrainContext(grain.GetGrainId(), out IGrainContext? context)
            ? Silos.FirstOrDefault(silo => silo.Address.Equals(context.Address.SiloAddress))
            : null;

    /// <summary>A silo that is not the grain's.</summary>
    public ClusterSilo AnotherThan(ClusterSilo silo) => Silos.First(other => other != silo);

    public Task DeactivateAsync(IAddressable grain) =>
        Waiting.WithinAsync(_cluster.DeactivateAsync(grain), "the deactivation");

    /// <summary>Completes when the activation that is there now is gone.</summary>
    public Task DeactivatedAsync(IAddressable grain) =>
        Waiting.WithinAsync(_cluster.WaitForDeactivationAsync(grain), "the grain's leaving");

    public async Task MigrateAsync(IAddressable grain, ClusterSilo target)
    {
        Task left = DeactivatedAsync(grain);
        RequestContext.Set(IPlacementDirector.PlacementHintKey, target.Address);
        IAddressable there = target.Grains.GetGrain(grain.GetGrainId());
        Task asked = there.AsReference<IGrainManagementExtension>().MigrateOnIdle().AsTask();
        RequestContext.Clear();
        await Waiting.WithinAsync(asked, "the migration's begin");
        await left;
    }

    public async Task StopAsync(ClusterSilo silo)
    {
        lock (_silos) _silos.Remove(silo);
        await Waiting.WithinAsync(_cluster.StopSiloAsync(silo.Handle), "the stop of a silo");
        silo.Die();
    }

    /// <summary>Ends a silo without letting anything finish.</summary>
    public async Task KillAsync(ClusterSilo silo)
    {
        lock (_silos) _silos.Remove(silo);
        silo.Die();
        await Waiting.WithinAsync(_cluster.KillSiloAsync(silo.Handle), "the kill of a silo");
    }

    public async Task<ClusterSilo> StartSiloAsync()
    {
        Task<InProcessSiloHandle> start = _cluster.StartAdditionalSiloAsync();
        ClusterSilo silo = Add(await Waiting.WithinAsync(start, "another silo"));
        await KnowEachOtherAsync();
        return silo;
    }

    public async Task StopAllAsync()
    {
        if (_isStopped) return;
        _isStopped = true;
        Expect(ErrorsOfAChange);
        await Waiting.WithinAsync(_cluster.StopAllSilosAsync(), "the stop of all silos");
        foreach (ClusterSilo silo in Silos) silo.Die();
    }

    /// <summary>The whole journal; fails unless the audit finds nothing in it.</summary>
    public async Task<(AuditReport Report, List<LedgerEvent> Journal)> AuditAsync(string tenant = Acme.Tenant)
    {
        AuditReport report = await LedgerVerifier.VerifyAsync(
            Store, tenant, VerifyScope.Whole, progress: null, CancellationToken.None);
        Assert.Empty(report.Findings);
        List<LedgerEvent> journal = [];
        while (journal.Count < report.Events)
        {
            journal.AddRange(await JournalReader.ReadAsync(
                Store, tenant, journal.Count + 1, report.Events, int.MaxValue, CancellationToken.None));
        }

        return (report, journal);
    }

    public async ValueTask DisposeAsync()
    {
        foreach (ClusterSilo silo in Silos) silo.Store.Faults.ReleaseAppends();
        await StopAllAsync();
        await _cluster.DisposeAsync();
        _reports.Delete(recursive: true);
        Log.AssertNoUnexpectedError();
    }

    private Task KnowEachOtherAsync() => Waiting.UntilAsync(
        () => Silos.All(silo => silo.KnownSilos == Silos.Count), "the silos' knowledge of each other");

    private void Expect(string[] errors)
    {
        Log.AssertNoUnexpectedError();
        foreach (string error in errors) Log.Expected.Add(error);
    }

    private ClusterSilo Add(InProcessSiloHandle handle)
    {
        ClusterSilo silo = new(handle, ViewOf(handle.Name));
        lock (_silos) _silos.Add(silo);
        return silo;
    }

    private InMemoryStore ViewOf(string silo)
    {
        lock (_views)
        {
            if (!_views.TryGetValue(silo, out InMemoryStore? view))
                _views.Add(silo, view = _newestView = _newestView.AsAnotherOwner());
            return view;
        }
    }
}
