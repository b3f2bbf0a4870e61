using System.Diagnostics.Metrics;
using System.Net;
using AgentBudget.Api;
using AgentBudget.Api.Access;
using AgentBudget.Api.Budgets.Providers;
using AgentBudget.Api.Catalogs;
using AgentBudget.Api.Edge;
using AgentBudget.Api.OAuth;
using AgentBudget.Dashboard.Hosting;
using AgentBudget.Grains;
using AgentBudget.Grains.Abstractions;
using AgentBudget.Grains.Abstractions.Peers;
using AgentBudget.Grains.Lanes;
using AgentBudget.Identity;
using AgentBudget.Notifications;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Runtime;
using AgentBudget.Runtime.Time;
using AgentBudget.Silo.Checkpoints;
using AgentBudget.Silo.Options;
using AgentBudget.Silo.Telemetry;
using AgentBudget.Storage;
using AgentBudget.Storage.Secrets;
using AgentBudget.Storage.Sqlite;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Dashboard;

namespace AgentBudget.Silo.Hosting;

/// <summary>
/// One silo, put together: store, tenants, reports, services, server. Made and started by <see cref="StartAsync"/>;
/// stopped by disposing it, in the opposite order.
/// </summary>
internal sealed partial class SiloHost : IAsyncDisposable
{
    /// <summary>
    /// How long calls in flight may take once the silo stops; the longest wait of any unary call is shorter. Only a
    /// verification of a large ledger takes longer, and is cut.
    /// </summary>
    private static readonly TimeSpan DrainGrace = TimeSpan.FromSeconds(25);

    private readonly Stack<Func<ValueTask>> _ends = new();
    private readonly Readiness _readiness = new();
    private readonly ILogger _logger;
    private SiloEndpoints? _endpoints;
    private ITenantHost? _tenants;
    private bool _isStarted; // There is something to stop.
    private bool _isDisposed;

    private SiloHost(DataFolder folder, ILogger logger)
    {
        Folder = folder;
        _logger = logger;
    }

    internal DataFolder Folder { get; }

    internal IPEndPoint Http => _endpoints!.Http;

    internal IPEndPoint Grpc => _endpoints!.Grpc;

    /// <summary>Where gRPC is served to this process.</summary>
    internal IPEndPoint GrpcHere => Here(Grpc);

    /// <summary>Where HTTP/1.1 is served to this machine.</summary>
    internal IPEndPoint HttpHere => Here(Http);

    /// <summary>Whether the data folder was made with this start.</summary>
    internal bool IsFirstStart { get; private set; }

    /// <summary>The scope of meters that this silo's metrics have.</summary>
    internal IMeterFactory? MeterScope { get; private set; }

    /// <summary>Where TLS is served; null where it is not.</summary>
    internal IPEndPoint? Tls => _endpoints!.Tls;

    internal IReadOnlyList<string> Tenants => _tenants!.Tenants;

    /// <summary>The page for people; null where it is not served.</summary>
    internal HostedDashboard? Dashboard { get; private set; }

    /// <summary>Everything that is served.</summary>
    internal IReadOnlyList<Endpoint> Served { get; private set; } = [];

    /// <summary>What applying the catalog at the start changed and noticed; null without one.</summary>
    internal ApplyCatalogResponse? CatalogApplied { get; private set; }

    /// <summary>Whether calls are served.</summary>
    internal bool IsReady => _readiness.IsReady;

    /// <summary>
    /// Starts a silo and answers it serving. Throws <see cref="OptionsException"/> for a fault of configuration or
    /// catalog, <see cref="StoreException"/> for one of the store; nothing is left running then.
    /// </summary>
    /// <param name="model">How it runs.</param>
    /// <param name="time">Every clock.</param>
    /// <param name="loggers">Logs; stays the caller's.</param>
    /// <param name="onStoreFailed">See <see cref="SqliteStoreOptions.OnFailed"/>.</param>
    internal static async Task<SiloHost> StartAsync(
        SiloModel model, TimeProvider time, ILoggerFactory loggers, Action<StoreException> onStoreFailed)
    {
        CatalogDocument? catalog = model.CatalogPath is null ? null : CatalogDocument.Read(model.CatalogPath);
        SiloHost silo = new(DataFolder.Take(model.Data), loggers.CreateLogger<SiloHost>());
        try
        {
            await silo.StartCoreAsync(model, catalog, time, loggers, onStoreFailed);
            return silo;
        }
        catch
        {
            await silo.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_isDisposed)
            return;
        _isDisposed = true;
        _readiness.IsReady = false;
        while (_ends.TryPop(out Func<ValueTask>? end))
            await end();
    }

    private async Task StartCoreAsync(
        SiloModel model,
        CatalogDocument? catalog,
        TimeProvider time,
        ILoggerFactory loggers,
        Action<StoreException> onStoreFailed)
    {
        ILedgerStore store = await OpenStoreAsync(model, time, loggers, onStoreFailed);
        _ends.Push(store.DisposeAsync);
        IsFirstStart = !File.Exists(Folder.AdminKeyFile);
        SiloKeys keys = await SiloKeys.LoadAsync(
            model, Folder, store as ISharedSecrets, time, loggers.CreateLogger<SiloKeys>());
        _ends.Push(keys.DisposeAsync);
        // What is minted goes by log time, so what is read does too.
        LogClock clock = new(time, loggers.CreateLogger<LogClock>());
        _ends.Push(() => Ended(clock.Dispose));
        clock.CatchUpByItself();
        SessionTokens tokens = new(keys.Ring, clock.AsTimeProvider());
        TrustedIssuers issuers = new(model.TrustedIssuers, time);
        _ends.Push(() => Ended(issuers.Dispose));
        CheckpointKeeper checkpoints = new(
            model.CheckpointsPath, keys.Checkpoint, store, time, loggers.CreateLogger<CheckpointKeeper>());
        _ends.Push(checkpoints.DisposeAsync);
        Aggregator aggregator = Aggregator.Open(Folder.ReportsFile);
        _ends.Push(() => Ended(aggregator.Dispose));
        NotifierServices notices = new(keys.Notices, model.Notifications, time, loggers);
        _ends.Push(() => Ended(notices.Dispose));
        Issuer issuer = new(() => model.Issuer ?? (Tls is null ? $"http://{Http}" : $"https://{Tls}"));

        WebApplicationBuilder builder = NewBuilder(model, store, loggers);
        builder.Services.AddSingleton(time)
            .AddSingleton(clock)
            .AddSingleton(store)
            .AddSingleton(aggregator)
            .AddSingleton(notices)
            .AddSingleton(new CredentialDirectory(time))
            .AddSingleton<CredentialFeed>()
            .AddSingleton<CredentialUses>()
            .AddSingleton(keys.Ring)
            .AddSingleton(keys.Checkpoint)
            .AddSingleton(tokens)
            .AddSingleton(keys.Reservations)
            .AddUsedOnce(keys.Shared, Folder, time, issuer)
            .AddSingleton(issuers)
            .AddSingleton(issuer)
            .AddSingleton(_readiness)
            .AddSingleton<ISiloListener>(provider => new SiloListener(
                provider.GetRequiredService<CredentialFeed>(), keys.SharedRing))
            .AddSingleton(provider => new Authenticators(
                keys.Admin,
                keys.Metrics,
                tokens,
                new AccessTokens(keys.Ring, time, issuer.Name),
                provider.GetRequiredService<DpopProofs>(),
                provider.GetRequiredService<CredentialFeed>(),
                new FailedAttempts(time)))
            .AddApi();
        builder.Services.AddSingleton<IHostedService>(provider => new StartOfTenants(
            () => StartTenantsAsync(provider, checkpoints, catalog),
            () => EndWorkAsync(provider)));
        WebApplication app = builder.Build();
        _ends.Push(app.DisposeAsync);
        if (model.HasDashboard)
        {
            Dashboard = new HostedDashboard(this, model, time, loggers, app.Lifetime.ApplicationStopping);
            _ends.Push(Dashboard.DisposeAsync);
        }

        _tenants = app.Services.GetRequiredService<ITenantHost>();
        MeterScope = app.Services.GetRequiredService<IMeterFactory>();
        keys.TellOthersBy(app.Services.GetRequiredService<ISiloPeers>());
        app.UseApi(model.Origins, MapRoutes);
        Served = [.. ((IEndpointRouteBuilder)app).DataSources.SelectMany(source => source.Endpoints)];
        _ends.Push(() => StopServerAsync(app));
        await ListenAsync(app, model);
        _readiness.IsReady = true;
    }

    // Empty: the other builders read an appsettings.json of the folder that the silo is started in, and watch that
    // folder; where the ledger lies below it, each write of the ledger then costs an event.
    private WebApplicationBuilder NewBuilder(SiloModel model, ILedgerStore store, ILoggerFactory loggers)
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Configuration.AddEnvironmentVariables(); // For OpenTelemetry's own, OTEL_…
        _endpoints = SiloEndpoints.Add(builder, model, end => _ends.Push(() => Ended(end)));
        builder.Services.AddSingleton<ILoggerFactory>(new EdgeLoggers(loggers, () => _isDisposed))
            .AddSingleton<IHostLifetime, SignalsElsewhere>()
            .AddRouting()
            .AddContractPages()
            .AddPageKeys()
            .Configure<HostOptions>(options => options.ShutdownTimeout = DrainGrace)
            .AddSiloTelemetry(model, OwnMeters);
        builder.UseOrleans(silo => ClusterOf(silo, model, store)
            .AddTenants(new ActivationOptions(), new LaneOptions())
            .AddDashboard(dashboard => dashboard.HideTrace = true));
        return builder;
    }

    private void MapRoutes(IEndpointRouteBuilder routes)
    {
        HealthRoutes.Map(routes, _readiness);
        routes.MapContractPages();
        routes.MapRoute("GET", "/metrics", routes.MetricsAnswer());
        Dashboard?.Map(routes);
        ((IEndpointConventionBuilder)routes.MapOrleansDashboard("/ops/orleans")).Add(Routes.Hold);
    }

    private IReadOnlyCollection<Meter> OwnMeters(IServiceProvider services) =>
    [
        services.GetRequiredService<ActivationServices>().Meter,
        services.GetRequiredService<CallMeter>().Meter,
        services.GetRequiredService<AccessMeter>().Meter,
        services.GetRequiredService<ReportMeter>().Meter,
        services.GetRequiredService<NotifierServices>().Meter.Meter,
        _endpoints!.Meter,
    ];

    // Held to what was signed before anything is written, and signed once more when the tenants have stopped. All of it
    // before the first call is served.
    private async Task StartTenantsAsync(
        IServiceProvider services, CheckpointKeeper checkpoints, CatalogDocument? catalog)
    {
        _isStarted = true;
        await checkpoints.CompareAsync(CancellationToken.None);
        IReadOnlyList<string> tenants = await services.FindTenantsAsync(CancellationToken.None);
        checkpoints.Follow(_tenants!);
        if (services.GetRequiredService<Aggregator>().RebuildReason is { } reason && tenants.Count > 0)
            Log.ReportsRebuilt(_logger, reason);
        if (catalog is not null)
            CatalogApplied = await ApplyAsync(services.GetRequiredService<CatalogAtStart>(), catalog);
        _ = services.GetRequiredService<CredentialUses>(); // Works from here on.
    }

    // What the last calls left to tell is told while the grains still take commands.
    private static async Task EndWorkAsync(IServiceProvider services)
    {
        await services.GetRequiredService<CredentialUses>().DisposeAsync();
        await services.GetRequiredService<CredentialFeed>().DisposeAsync();
    }

    private async Task<ILedgerStore> OpenStoreAsync(
        SiloModel model, TimeProvider time, ILoggerFactory loggers, Action<StoreException> onStoreFailed) =>
        model.Cluster is { } cluster
            ? await cluster.Store.OpenAsync($"{cluster.Address}", time, loggers)
            : SqliteStore.Open(
                new SqliteStoreOptions { Folder = Folder.LedgerFolder, OnFailed = onStoreFailed }, loggers);

    private ISiloBuilder ClusterOf(ISiloBuilder silo, SiloModel model, ILedgerStore store) =>
        model.Cluster is { } cluster && store is ISharedStore shared
            ? SharedCluster.Configure(silo, cluster, shared, end => _ends.Push(() => Ended(end)))
            : EmbeddedCluster.Configure(silo);

    private static async Task<ApplyCatalogResponse> ApplyAsync(CatalogAtStart catalogs, CatalogDocument catalog)
    {
        try
        {
            return await catalogs.ApplyAsync(catalog.Text, catalog.Reading);
        }
        catch (RpcException fault) when (fault.StatusCode is StatusCode.InvalidArgument
            or StatusCode.FailedPrecondition or StatusCode.OutOfRange)
        {
            throw new OptionsException($"{catalog.Path}: {fault.Status.Detail}");
        }
        catch (RpcException fault)
        {
            throw new StoreException($"The catalog {catalog.Path} could not be applied: {fault.Status.Detail}", fault);
        }
    }

    private static async Task ListenAsync(WebApplication app, SiloModel model)
    {
        try
        {
            await app.StartAsync();
        }
        catch (Exception fault) when (fault is System.Net.Sockets.SocketException
            || fault is IOException { InnerException: AddressInUseException })
        {
            throw new OptionsException(
                $"Cannot listen at {model.Http}, {model.Grpc}{TlsSuffix(model)}: {fault.Message}");
        }
    }

    private static string TlsSuffix(SiloModel model) => model.Tls is null ? "" : $", {model.Tls.EndPoint}";

    private async ValueTask StopServerAsync(WebApplication app)
    {
        if (!_isStarted)
            return;
        try
        {
            await app.StopAsync();
        }
        catch (OperationCanceledException)
        {
            // What was not done after the grace was cut.
        }
    }

    // A silo that listens everywhere listens at loopback too.
    private static IPEndPoint Here(IPEndPoint place) =>
        place.Address.Equals(IPAddress.Any) || place.Address.Equals(IPAddress.IPv6Any)
            ? new IPEndPoint(IPAddress.Loopback, place.Port)
            : place;

    private static ValueTask Ended(Action end)
    {
        end();
        return ValueTask.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(60, LogLevel.Warning, "The reports are built again from the ledger: {Reason}")]
        internal static partial void ReportsRebuilt(ILogger logger, string reason);
    }
}
