using AgentBudget.Protocol.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;

namespace AgentBudget.Client;

/// <summary>
/// A client of AgentBudget, made once and shared by everything in a process. All members are safe to call from many
/// threads at once.
/// <para>
/// Spending calls look like single calls and travel over a few shared streams, many in one message. Every call is tried
/// again with the same request id until it is answered or its time is up, so it has one effect however often a
/// connection is lost or the service restarted. A request without an id gets one; a caller that repeats a call of its
/// own accord gives the id itself.
/// </para>
/// <para>
/// A call that has no answer throws <see cref="AgentBudgetException"/>, and
/// <see cref="AgentBudgetTimeoutException"/> where its time ran out. A refusal of money is an answer.
/// </para>
/// </summary>
public sealed partial class AgentBudgetClient : IAsyncDisposable
{
    private const int ReceivedBytesMax = 64 * 1024 * 1024; // A page of 1,000 ledger events with their details.
    private static readonly TimeSpan ConnectMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan PingDelay = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan PingMax = TimeSpan.FromSeconds(10);

    private readonly AgentBudgetClientOptions _options;
    private readonly ILoggerFactory _loggers;
    private readonly TimeProvider _time;
    private readonly CredentialSource _credentials;
    private readonly RequestIds _ids = new();
    private readonly ClientTelemetry _telemetry;
    private readonly UnaryCaller _unary;
    private readonly SpendPool _pool;
    private readonly bool _ownsChannel;
    private Task? _disposing;

    /// <summary>Makes a client. Connects with the first call.</summary>
    /// <param name="options">How to reach the service; not to be changed afterwards.</param>
    /// <param name="loggers">Where the client logs. Default: nowhere.</param>
    /// <param name="time">The clock of deadlines and pauses. Default: the machine's.</param>
    /// <exception cref="OptionsValidationException">The options are not usable; each fault is a sentence.</exception>
    public AgentBudgetClient(
        AgentBudgetClientOptions options, ILoggerFactory? loggers = null, TimeProvider? time = null)
        : this(Validated(options), ChannelTo(options), new CredentialSource(options), loggers, time, ownsChannel: true)
    {
    }

    private AgentBudgetClient(
        AgentBudgetClientOptions options,
        GrpcChannel channel,
        CredentialSource credentials,
        ILoggerFactory? loggers,
        TimeProvider? time,
        bool ownsChannel)
    {
        _options = options;
        _loggers = loggers ?? NullLoggerFactory.Instance;
        _time = time ?? TimeProvider.System;
        _credentials = credentials;
        _ownsChannel = ownsChannel;
        Channel = channel;
        Invoker = new CredentialInvoker(channel.CreateCallInvoker(), credentials);
        Budgets = new(Invoker);
        Sessions = new(Invoker);
        Catalogs = new(Invoker);
        Identities = new(Invoker);
        Spend = new(Invoker);
        Reports = new(Invoker);
        Approvals = new(Invoker);
        Silos = new(Invoker);
        Notifications = new(Invoker);
        _telemetry = new ClientTelemetry(() => _pool?.Pending ?? 0);
        _unary = new UnaryCaller(options, credentials, _ids, _telemetry, _time);
        _pool = new SpendPool(
            options, Budgets, credentials, _ids, _telemetry, _time, _loggers.CreateLogger<AgentBudgetClient>());
    }

    /// <summary>The connections. What is called over them directly comes without a credential.</summary>
    public GrpcChannel Channel { get; }

    /// <summary>The connections with the client's credential, for generated clients of other services.</summary>
    public CallInvoker Invoker { get; }

    /// <summary>The generated client of the budgets, with the client's credential and without retries.</summary>
    public BudgetService.BudgetServiceClient Budgets { get; }

    /// <summary>The generated client of the sessions, likewise.</summary>
    public SessionService.SessionServiceClient Sessions { get; }

    /// <summary>The generated client of the catalog and the corrections of budgets, likewise.</summary>
    public CatalogService.CatalogServiceClient Catalogs { get; }

    /// <summary>The generated client of the credentials, likewise.</summary>
    public IdentityService.IdentityServiceClient Identities { get; }

    /// <summary>The generated client of the ledger, likewise.</summary>
    public SpendService.SpendServiceClient Spend { get; }

    /// <summary>The generated client of the reports, likewise.</summary>
    public ReportService.ReportServiceClient Reports { get; }

    /// <summary>The generated client of requests for more, likewise.</summary>
    public ApprovalService.ApprovalServiceClient Approvals { get; }

    /// <summary>The generated client of the silos, likewise.</summary>
    public SiloService.SiloServiceClient Silos { get; }

    /// <summary>The generated client of notices, likewise.</summary>
    public NotificationService.NotificationServiceClient Notifications { get; }

    /// <summary>Spending calls that wait for their answers now.</summary>
    public long PendingCalls => _pool.Pending;

    /// <summary>
    /// A client that calls with another credential over the same connections, for a gateway that acts as its callers.
    /// It has spend streams of its own once it spends. Whoever asks for it disposes it, before this client.
    /// </summary>
    /// <param name="credential">The other credential: a secret, an access token, or a session's token.</param>
    public AgentBudgetClient For(string credential)
    {
        ArgumentException.ThrowIfNullOrEmpty(credential);
        if (!AgentBudgetClientOptions.IsHeaderText(credential))
            throw new ArgumentException(
                "A credential must be visible ASCII characters without spaces.", nameof(credential));
        return new AgentBudgetClient(
            _options, Channel, new CredentialSource(credential, tenant: null), _loggers, _time, ownsChannel: false);
    }

    /// <summary>
    /// Calls any method of the contract with retries and a deadline:
    /// <c>await client.CallAsync(client.Catalogs.GetCatalogAsync, new GetCatalogRequest(), cancellation)</c>.
    /// </summary>
    /// <param name="method">The method of a generated client that takes call options.</param>
    /// <param name="request">What to ask; not to be changed until the call has ended.</param>
    /// <param name="cancellation">Gives the call up.</param>
    /// <param name="timeout">How long to try. Default: <see cref="AgentBudgetClientOptions.CallTimeout"/>.</param>
    /// <exception cref="AgentBudgetException">The call has no answer.</exception>
    public Task<TResponse> CallAsync<TRequest, TResponse>(
        Func<TRequest, CallOptions, AsyncUnaryCall<TResponse>> method,
        TRequest request,
        CancellationToken cancellation,
        TimeSpan? timeout = null)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class
    {
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(request);
        return _unary.CallAsync(method, request, timeout, cancellation);
    }

    /// <summary>
    /// Takes no more calls, waits up to 5 s for what is on its way, fails the rest, and closes the connections.
    /// </summary>
    public ValueTask DisposeAsync()
    {
        lock (_ids) return new ValueTask(_disposing ??= DisposeCoreAsync());
    }

    private async Task DisposeCoreAsync()
    {
        await _pool.DisposeAsync();
        _telemetry.Dispose();
        if (_ownsChannel) Channel.Dispose();
    }

    private static AgentBudgetClientOptions Validated(AgentBudgetClientOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        IReadOnlyList<string> faults = options.Faults();
        return faults.Count == 0
            ? options
            : throw new OptionsValidationException(
                nameof(AgentBudgetClientOptions), typeof(AgentBudgetClientOptions), faults);
    }

    private static GrpcChannel ChannelTo(AgentBudgetClientOptions options)
    {
        SocketsHttpHandler handler = new()
        {
            EnableMultipleHttp2Connections = true,
            ConnectTimeout = ConnectMax,
            // A peer that went away without a word is noticed, and the calls move to another connection.
            KeepAlivePingDelay = PingDelay,
            KeepAlivePingTimeout = PingMax,
            KeepAlivePingPolicy = HttpKeepAlivePingPolicy.WithActiveRequests,
            PooledConnectionIdleTimeout = Timeout.InfiniteTimeSpan,
            // A proxy of the environment is not on the way to this machine.
            UseProxy = !options.Address.IsLoopback,
        };
        options.ConfigureConnections?.Invoke(handler);
        return GrpcChannel.ForAddress(options.Address, new GrpcChannelOptions
        {
            HttpHandler = handler,
            DisposeHttpClient = true,
            MaxReceiveMessageSize = ReceivedBytesMax,
            InitialReconnectBackoff = options.RetryDelay,
            MaxReconnectBackoff = options.RetryDelayMax,
            // Cleartext is refused by the options unless it stays on this machine or was allowed by name.
            UnsafeUseInsecureChannelCallCredentials = true,
        });
    }
}
