using System.Net;
using System.Security.Cryptography.X509Certificates;
using AgentBudget.Api;
using AgentBudget.Api.Access;
using AgentBudget.Api.OAuth;
using AgentBudget.Api.Reports;
using AgentBudget.Api.Spend;
using AgentBudget.Identity;
using AgentBudget.Protocol.V1;
using AgentBudget.Reporting;
using AgentBudget.Rpc;
using AgentBudget.Runtime;
using AgentBudget.Silo.Checkpoints;
using AgentBudget.Silo.Metrics;
using AgentBudget.Silo.Options;
using AgentBudget.Storage;
using AgentBudget.Storage.Sqlite;
using Microsoft.Extensions.Logging;

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

    /// <summary>Snapshots at the end shorten the next start; nothing acknowledged depends on them.</summary>
    private static readonly TimeSpan TenantStopMax = TimeSpan.FromSeconds(30);

    private readonly Stack<Func<ValueTask>> _ends = new();
    private readonly HealthService _health = new();
    private readonly PrometheusText _metrics = new();
    private readonly ILogger _logger;
    private RpcServer? _server;
    private TenantHost? _tenants;
    private volatile bool _isReady;
    private bool _isDisposed;

    private SiloHost(DataFolder folder, ILogger logger)
    {
        Folder = folder;
        _logger = logger;
    }

    internal DataFolder Folder { get; }

    internal IPEndPoint Http => _server!.HttpEndPoint!;

    internal IPEndPoint Grpc => _server!.GrpcEndPoint!;

    /// <summary>Where TLS is served; null where it is not.</summary>
    internal IPEndPoint? Tls => _server!.TlsEndPoint;

    internal IReadOnlyList<string> Tenants => _tenants!.Tenants;

    /// <summary>The ordinary routes, beside the calls.</summary>
    internal IReadOnlyList<HttpRoute> Routes { get; private set; } = [];

    /// <summary>What applying the catalog at the start changed and noticed; null without one.</summary>
    internal ApplyCatalogResponse? CatalogApplied { get; private set; }

    /// <summary>Whether calls are served.</summary>
    internal bool IsReady => _isReady;

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
        SetReady(isReady: false);
        while (_ends.TryPop(out Func<ValueTask>? end))
            await end();
        _metrics.Dispose();
    }

    private async Task StartCoreAsync(
        SiloModel model,
        CatalogDocument? catalog,
        TimeProvider time,
        ILoggerFactory loggers,
        Action<StoreException> onStoreFailed)
    {
        (FileKey adminKey, FileKey metricsKey, KeyRing keys, CheckpointKey checkpointKey) = LoadKeys(model);
        SessionTokens tokens = new(keys, time);
        TrustedIssuers issuers = new(model.TrustedIssuers, time);
        _ends.Push(() => Ended(issuers.Dispose));
        SqliteStore store = SqliteStore.Open(
            new SqliteStoreOptions { Folder = Folder.LedgerFolder, OnFailed = onStoreFailed }, loggers);
        _ends.Push(store.DisposeAsync);
        _tenants = new TenantHost(store, new TenantHostOptions(), time, loggers);
        _metrics.Listen(_tenants.Meter);
        CheckpointKeeper checkpoints = new(
            model.CheckpointsPath, checkpointKey, store, time, loggers.CreateLogger<CheckpointKeeper>());
        await StartTenantsAsync(checkpoints);

        Aggregator aggregator = Aggregator.Open(Folder.ReportsFile);
        _ends.Push(() => Ended(aggregator.Dispose));
        if (aggregator.RebuildReason is { } reason && _tenants.Tenants.Count > 0)
            Log.ReportsRebuilt(_logger, reason);
        ReportFeed feed = new(_tenants, aggregator, time, loggers.CreateLogger<ReportFeed>());
        _ends.Push(feed.DisposeAsync);

        CredentialFeed credentials = new(
            _tenants, new CredentialDirectory(time), loggers.CreateLogger<CredentialFeed>());
        _ends.Push(credentials.DisposeAsync);
        CredentialUses uses = new(
            _tenants, credentials, time, loggers.CreateLogger<CredentialUses>());
        _ends.Push(uses.DisposeAsync);
        DpopProofs proofs = new(time);
        ApiServices api = new(
            _tenants, tokens, proofs, credentials, keys, store, checkpointKey, aggregator, feed, time, loggers);
        if (catalog is not null)
            CatalogApplied = await ApplyAsync(api, catalog);
        foreach (string tenant in _tenants.Tenants)
            feed.Follow(tenant);

        RpcServices services = new();
        api.AddTo(services);
        _health.AddTo(services);
        ReflectionService.AddTo(services);
        AccessPolicy.RequireLines(services.Methods.Select(method => method.Path));
        string IssuerName() => model.Issuer ?? (Tls is null ? $"http://{Http}" : $"https://{Tls}");
        Authenticators by = new(
            adminKey, metricsKey, tokens, new AccessTokens(keys, time, IssuerName), proofs, credentials);
        AccessGuard guard = new(by, _tenants);
        OAuthRoutes oauth = new(api, by, keys, issuers, IssuerName, time);
        Routes =
        [
            .. new HealthRoutes(() => _isReady).Table, .. oauth.Table, .. new AuditExport(api).Table,
            .. new MetricsRoute(_metrics).Table,
        ];
        _server = new RpcServer(
            ServerOptionsOf(model),
            services,
            guard,
            new HttpRoutes(Routes, guard).AnswerAsync,
            loggers,
            time);
        _ends.Push(StopServerAsync);
        _metrics.Listen(_server.Meter);
        await ListenAsync(model);
        SetReady(isReady: true);
    }

    // Held to what was signed before anything is written, and signed once more when the tenants have stopped.
    private async Task StartTenantsAsync(CheckpointKeeper checkpoints)
    {
        _ends.Push(checkpoints.DisposeAsync);
        _ends.Push(StopTenantsAsync);
        await checkpoints.CompareAsync(CancellationToken.None);
        await _tenants!.StartAsync(CancellationToken.None);
        checkpoints.Follow(_tenants);
    }

    private RpcServerOptions ServerOptionsOf(SiloModel model)
    {
        if (model.Tls is not TlsModel tls)
        {
            return new RpcServerOptions
            {
                HttpEndPoint = model.Http,
                GrpcEndPoint = model.Grpc,
                AllowedOrigins = model.Origins,
            };
        }

        (X509Certificate2 certificate, X509Certificate2Collection intermediates) = tls.LoadCertificate();
        _ends.Push(() => Ended(certificate.Dispose));
        return new RpcServerOptions
        {
            HttpEndPoint = model.Http,
            GrpcEndPoint = model.Grpc,
            TlsEndPoint = tls.EndPoint,
            TlsCertificate = certificate,
            TlsIntermediates = intermediates,
            ClientCertificates = tls.Clients,
            ClientAuthorities = tls.LoadClientAuthorities(),
            AllowedOrigins = model.Origins,
        };
    }

    private (FileKey Admin, FileKey Metrics, KeyRing Ring, CheckpointKey Checkpoint) LoadKeys(SiloModel model)
    {
        try
        {
            FileKey adminKey = FileKey.LoadOrCreate(Folder.AdminKeyFile, FileKey.AdminPrefix, out _);
            FileKey metricsKey = FileKey.LoadOrCreate(Folder.MetricsKeyFile, FileKey.MetricsPrefix, out _);
            KeyRing keys = KeyRing.LoadOrCreate(Folder.SigningKeyFile, Folder.RetiredKeysFile);
            _ends.Push(() => Ended(keys.Dispose));
            CheckpointKey checkpointKey = CheckpointKey.LoadOrCreate(model.CheckpointKeyPath);
            _ends.Push(() => Ended(checkpointKey.Dispose));
            return (adminKey, metricsKey, keys, checkpointKey);
        }
        catch (InvalidDataException fault)
        {
            throw new OptionsException(fault.Message);
        }
    }

    private static async Task<ApplyCatalogResponse> ApplyAsync(ApiServices api, CatalogDocument catalog)
    {
        try
        {
            return await api.ApplyAtStartAsync(catalog.Text, catalog.Reading);
        }
        catch (RpcException fault) when (fault.StatusCode is RpcStatusCode.InvalidArgument
            or RpcStatusCode.FailedPrecondition or RpcStatusCode.OutOfRange)
        {
            throw new OptionsException($"{catalog.Path}: {fault.Message}");
        }
        catch (RpcException fault)
        {
            throw new StoreException($"The catalog {catalog.Path} could not be applied: {fault.Message}", fault);
        }
    }

    private async Task ListenAsync(SiloModel model)
    {
        try
        {
            await _server!.StartAsync(CancellationToken.None);
        }
        catch (Exception fault) when (fault is IOException or System.Net.Sockets.SocketException)
        {
            throw new OptionsException(
                $"Cannot listen at {model.Http}, {model.Grpc}{TlsSuffix(model)}: {fault.Message}");
        }
    }

    private static string TlsSuffix(SiloModel model) => model.Tls is null ? "" : $", {model.Tls.EndPoint}";

    private void SetReady(bool isReady)
    {
        _isReady = isReady;
        _health.Set("", isReady);
        foreach (Google.Protobuf.Reflection.ServiceDescriptor service in ApiServices.Descriptors)
            _health.Set(service.FullName, isReady);
    }

    private async ValueTask StopServerAsync()
    {
        await _server!.StopAsync(DrainGrace);
        await _server.DisposeAsync();
    }

    private async ValueTask StopTenantsAsync()
    {
        using CancellationTokenSource over = new(TenantStopMax);
        try
        {
            await _tenants!.StopAsync(over.Token);
        }
        catch (OperationCanceledException) when (over.IsCancellationRequested)
        {
            Log.TenantsLate(_logger, TenantStopMax);
        }
    }

    private static ValueTask Ended(Action end)
    {
        end();
        return ValueTask.CompletedTask;
    }

    private static partial class Log
    {
        [LoggerMessage(60, LogLevel.Warning, "The reports are built again from the ledger: {Reason}")]
        internal static partial void ReportsRebuilt(ILogger logger, string reason);

        [LoggerMessage(61, LogLevel.Warning, "The tenants did not stop within {Limit}; the next start replays more")]
        internal static partial void TenantsLate(ILogger logger, TimeSpan limit);
    }
}
