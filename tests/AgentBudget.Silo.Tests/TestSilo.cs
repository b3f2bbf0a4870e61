using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Headers;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using AgentBudget.Silo.Hosting;
using AgentBudget.Silo.Options;
using AgentBudget.Silo.Tests.Support;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;

namespace AgentBudget.Silo.Tests;

/// <summary>
/// A silo in this process with real Kestrel and real SQLite, and a client of it. Can be started again.
/// </summary>
internal sealed class TestSilo : IAsyncDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("agentbudget-silo-");
    // Errors fail a test that passed with one all the same.
    private readonly CollectedLog _log = new(LogLevel.Trace);
    private readonly ConcurrentQueue<string> _faults = [];
    private readonly List<GrpcChannel> _channels = [];
    private SiloHost? _host;
    private GrpcChannel? _channel;

    public string AdminKey { get; private set; } = "";

    /// <summary>Where it serves gRPC.</summary>
    public System.Net.IPEndPoint Grpc => _host!.Grpc;

    public HttpClient Http { get; } = new();

    public SiloHost Host => _host!;

    /// <summary>Every line that was logged, at any level.</summary>
    public string LogText => string.Join('\n', _log.Lines(LogLevel.Trace));

    /// <summary>How many lines were logged at a level or above it.</summary>
    public IReadOnlyList<string> Lines(LogLevel atLeast) => _log.Lines(atLeast);

    public string DataFolder => Path.Combine(_folder.FullName, "data");

    /// <summary>Its clocks; only before it is started.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    public static async Task<TestSilo> StartAsync(
        string? catalog = Catalogs.Small,
        IReadOnlyDictionary<string, string?>? more = null,
        TimeProvider? time = null)
    {
        TestSilo silo = new() { Time = time ?? TimeProvider.System };
        await silo.StartAgainAsync(catalogPath: null, more);
        if (catalog is not null)
            await silo.ApplyAsync(catalog);
        return silo;
    }

    /// <param name="catalogPath">A catalog to apply at the start.</param>
    /// <param name="more">What these tests do not set themselves, by key.</param>
    public async Task StartAgainAsync(string? catalogPath = null, IReadOnlyDictionary<string, string?>? more = null)
    {
        Dictionary<string, string?> settings = new(more ?? new Dictionary<string, string?>())
        {
            ["data"] = DataFolder,
            ["http"] = "127.0.0.1:0",
            ["grpc"] = "127.0.0.1:0",
            ["catalog"] = catalogPath,
        };
        SiloModel model = SiloModel.From(new ConfigurationBuilder().AddInMemoryCollection(settings).Build());
        _host = await SiloHost.StartAsync(model, Time, _log, fault => _faults.Enqueue(fault.Message));
        AdminKey = (await File.ReadAllTextAsync(_host.Folder.AdminKeyFile)).Trim();
        _channel = Calls.ChannelTo(_host.Grpc);
        _channels.Add(_channel);
    }

    public async Task StopAsync()
    {
        await _host!.DisposeAsync().AsTask().WaitAsync(Patience);
        Assert.Empty(_log.Lines(LogLevel.Error).Concat(_faults));
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        foreach (GrpcChannel channel in _channels)
            channel.Dispose();
        Http.Dispose();
        _folder.Delete(recursive: true);
    }

    public Task<ApplyCatalogResponse> ApplyAsync(string document, string requestId = "catalog") =>
        CallAsync<ApplyCatalogRequest, ApplyCatalogResponse>(
            "ApplyCatalog", new ApplyCatalogRequest { RequestId = requestId, Document = document });

    public Task<OpenSessionResponse> OpenAsync(string requestId = "open", Action<OpenSessionRequest>? change = null)
    {
        OpenSessionRequest request = new()
        {
            RequestId = requestId,
            Agent = "agents/writer",
            UseCase = "useCases/promo",
            OnBehalfOf = "user:kim@acme.test",
        };
        change?.Invoke(request);
        return CallAsync<OpenSessionRequest, OpenSessionResponse>("OpenSession", request);
    }

    public Task<ReserveTokensResponse> ReserveAsync(
        string token, string requestId, long input = 1000, Action<ReserveTokensRequest>? change = null)
    {
        ReserveTokensRequest request = new()
        {
            RequestId = requestId,
            SessionToken = token,
            Model = "m",
            Estimate = new TokenEstimate { InputTokens = input, MaxOutputTokens = 0 },
        };
        change?.Invoke(request);
        return CallAsync<ReserveTokensRequest, ReserveTokensResponse>("ReserveTokens", request);
    }

    public Task<CommitTokensResponse> CommitAsync(string token, string requestId, string reservation, long input) =>
        CallAsync<CommitTokensRequest, CommitTokensResponse>(
            "CommitTokens",
            new CommitTokensRequest
            {
                RequestId = requestId,
                SessionToken = token,
                ReservationId = reservation,
                Usage = new TokenUsage { InputTokens = input },
            });

    public async Task<IReadOnlyList<GrainBalance>> BalanceAsync(string token) =>
        (await CallAsync<GetBalanceRequest, GetBalanceResponse>(
            "GetBalance", new GetBalanceRequest { SessionToken = token })).Grains;

    /// <summary>Calls over gRPC, as the operator unless a bearer is named.</summary>
    public Task<TResponse> CallAsync<TRequest, TResponse>(
        string method, TRequest request, string? bearer = null, IReadOnlyDictionary<string, string>? metadata = null)
        where TRequest : class, IMessage<TRequest>
        where TResponse : class, IMessage<TResponse> =>
        _channel!.CallAsync<TRequest, TResponse>(method, request, bearer ?? AdminKey, metadata);

    public IAsyncEnumerable<WatchSpendResponse> WatchAsync(
        WatchSpendRequest request, CancellationToken stopping, string? bearer = null) =>
        _channel!.WatchAsync(request, bearer ?? AdminKey, stopping);

    /// <summary>Opens a gateway's stream, as the operator unless a bearer is named.</summary>
    public AsyncDuplexStreamingCall<SpendRequest, SpendResponse> OpenSpend(string? bearer = null) =>
        _channel!.OpenSpend(bearer ?? AdminKey);

    /// <summary>Calls as JSON over HTTP/1.1, by the method's own route.</summary>
    public async Task<(HttpStatusCode Status, JsonNode Body)> PostAsync(
        string method, JsonObject body, string? bearer = null, string? tenant = null)
    {
        Uri origin = new($"http://{_host!.Http}");
        using HttpRequestMessage message = JsonRoute.RequestOf(Calls.MethodOf(method), body, origin);
        message.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer ?? AdminKey);
        if (tenant is not null)
            message.Headers.Add("agentbudget-tenant", tenant);
        using HttpResponseMessage response = await Http.SendAsync(message).WaitAsync(Patience);
        return (response.StatusCode, JsonNode.Parse(await response.Content.ReadAsStringAsync())!);
    }

}
