using Azure.Core;
using Azure.Core.Pipeline;
using Azure.Data.Tables;
using Azure.Storage.Blobs;

namespace AgentBudget.Storage.Azure.Connections;

/// <summary>
/// The clients of a store: one for appends, which are never repeated by themselves, and others for everything that may
/// be done twice.
/// </summary>
internal sealed class AzureConnections : IDisposable
{
    private const int ConnectionsMax = 128; // To one service; what is beyond them waits.
    private const int RetriesMax = 3;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(2);

    // A connection follows a changed address of the account within this time.
    private static readonly TimeSpan ConnectionLifetime = TimeSpan.FromMinutes(5);

    private readonly HttpClient _http;

    private AzureConnections(AzureStoreOptions options)
    {
        bool isHere = AzureConnectionString.IsLoopback(new BlobServiceClient(options.Connection).Uri);
        _http = new HttpClient(new SocketsHttpHandler
        {
            MaxConnectionsPerServer = ConnectionsMax,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = ConnectionLifetime,
            UseProxy = !isHere,
            UseCookies = false,
        })
        {
            Timeout = Timeout.InfiniteTimeSpan, // Each call has its own.
        };
        HttpClientTransport transport = new(_http);
        Blobs = new BlobServiceClient(
            options.Connection, With(new BlobClientOptions(), transport, RetriesMax, CallTimeout))
            .GetBlobContainerClient(options.Name);
        Appends = new BlobServiceClient(
            options.Connection, With(new BlobClientOptions(), transport, retriesMax: 0, options.AppendPatience))
            .GetBlobContainerClient(options.Name);
        Tables = new TableServiceClient(
            options.Connection, With(new TableClientOptions(), transport, RetriesMax, CallTimeout));
        Table = Tables.GetTableClient(options.Name);
        Secrets = new TableServiceClient(
            options.Connection, With(new TableClientOptions(), transport, retriesMax: 0, CallTimeout))
            .GetTableClient(options.Name);
    }

    /// <summary>For everything that may be done twice.</summary>
    public BlobContainerClient Blobs { get; }

    /// <summary>For appends: an attempt that was repeated and had landed would look like somebody else's.</summary>
    public BlobContainerClient Appends { get; }

    /// <summary>Rows that may be written twice.</summary>
    public TableClient Table { get; }

    /// <summary>Rows that are written by version: repeated, the second would find the version of the first.</summary>
    public TableClient Secrets { get; }

    /// <summary>For Orleans' own tables beside the store's.</summary>
    public TableServiceClient Tables { get; }

    /// <summary>Connects nowhere yet. Throws <see cref="StoreException"/> for a text that is no connection string.
    /// </summary>
    public static AzureConnections Of(AzureStoreOptions options) =>
        AzureConnectionString.FaultOf(options.Connection) is { } fault
            ? throw new StoreException($"the connection string of Azure Storage {fault}")
            : new AzureConnections(options);

    public void Dispose() => _http.Dispose();

    private static TOptions With<TOptions>(
        TOptions options, HttpPipelineTransport transport, int retriesMax, TimeSpan timeout)
        where TOptions : ClientOptions
    {
        options.Transport = transport;
        options.Retry.Mode = RetryMode.Exponential;
        options.Retry.MaxRetries = retriesMax;
        options.Retry.Delay = FirstPause;
        options.Retry.MaxDelay = LongestPause;
        options.Retry.NetworkTimeout = timeout;
        options.Diagnostics.IsTelemetryEnabled = false;
        options.Diagnostics.IsDistributedTracingEnabled = false;
        options.Diagnostics.IsLoggingEnabled = false; // It would log names of tenants.
        return options;
    }
}
