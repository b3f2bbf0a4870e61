using System.Collections.Concurrent;
using System.Net;
using AgentBudget.Protocol.V1;
using AgentBudget.Rpc;
using Microsoft.Extensions.Logging.Abstractions;

namespace AgentBudget.Bench.Tests;

/// <summary>A real server on loopback whose answers are made up, and that remembers what it was asked.</summary>
internal sealed class FakeBudgetServer : IAsyncDisposable
{
    private readonly RpcServer _server;
    private long _reservation;

    private FakeBudgetServer()
    {
        var health = new HealthService();
        health.Set("", isServing: true);
        var services = new RpcServices();
        health.AddTo(services);
        services.Add(BudgetServiceReflection.Descriptor.Services[0], builder => builder
            .Unary<ReserveTokensRequest, ReserveTokensResponse>("ReserveTokens", Reserve)
            .Unary<CommitTokensRequest, CommitTokensResponse>("CommitTokens", Commit)
            .Unary<ReleaseTokensRequest, ReleaseTokensResponse>("ReleaseTokens", Release)
            .Unary<AmendReservationRequest, AmendReservationResponse>(
                "AmendReservation", (_, _) => new(new AmendReservationResponse()))
            .Unary<RecordCostRequest, RecordCostResponse>("RecordCost", (_, _) => new(new RecordCostResponse()))
            .Unary<AuthorizeToolRequest, AuthorizeToolResponse>(
                "AuthorizeTool", (_, _) => new(new AuthorizeToolResponse()))
            .DuplexStreaming<SpendRequest, SpendResponse>("Spend", SpendAsync)
            .Unary<GetBalanceRequest, GetBalanceResponse>("GetBalance", (_, _) => new(new GetBalanceResponse())));
        _server = new RpcServer(
            new RpcServerOptions { GrpcEndPoint = new IPEndPoint(IPAddress.Loopback, 0) },
            services, guard: null, fallback: null, NullLoggerFactory.Instance, TimeProvider.System);
    }

    public IPEndPoint Address => _server.GrpcEndPoint!;

    /// <summary>How often each request id came.</summary>
    public ConcurrentDictionary<string, int> RequestIds { get; } = new();

    /// <summary>Open holds: reservation to session token.</summary>
    public ConcurrentDictionary<string, string> Open { get; } = new();

    /// <summary>Calls whose bearer or reservation was not as it should be.</summary>
    public ConcurrentQueue<string> Faults { get; } = new();

    /// <summary>Denies every reserve.</summary>
    public bool IsDenying { get; set; }

    /// <summary>Fails every reserve.</summary>
    public bool IsFailing { get; set; }

    public static async Task<FakeBudgetServer> StartAsync()
    {
        var server = new FakeBudgetServer();
        await server._server.StartAsync(CancellationToken.None);
        return server;
    }

    public ValueTask DisposeAsync() => _server.DisposeAsync();

    private ValueTask<ReserveTokensResponse> Reserve(ReserveTokensRequest request, RpcCall call)
    {
        Check(request.RequestId, call);
        if (IsFailing) throw new RpcException(RpcStatusCode.Unavailable, "not now");
        if (IsDenying)
        {
            return new(new ReserveTokensResponse
            {
                Decision = Decision.Deny,
                Denial = new Denial { Reason = Reason.UseCaseBudget },
            });
        }
        string id = $"r{Interlocked.Increment(ref _reservation)}";
        Open.TryAdd(id, request.SessionToken);
        return new(new ReserveTokensResponse
        {
            Decision = Decision.Allow,
            Reservation = new Reservation { ReservationId = id, Model = request.Model, Tokens = 2000 },
            Balance = new Balance { Grain = "useCases/bench-case", AvailableTokens = 5 },
        });
    }

    private ValueTask<CommitTokensResponse> Commit(CommitTokensRequest request, RpcCall call)
    {
        Check(request.RequestId, call);
        Close(request.ReservationId, request.SessionToken);
        return new(new CommitTokensResponse { Settled = new Amount { Tokens = 1500 } });
    }

    private ValueTask<ReleaseTokensResponse> Release(ReleaseTokensRequest request, RpcCall call)
    {
        Check(request.RequestId, call);
        Close(request.ReservationId, request.SessionToken);
        return new(new ReleaseTokensResponse { Released = new Amount { Tokens = 2000 } });
    }

    // Backwards in every group, because answers come in any order.
    private async Task SpendAsync(
        IRpcStreamReader<SpendRequest> requests, IRpcStreamWriter<SpendResponse> responses, RpcCall call)
    {
        await responses.StartAsync();
        while (await requests.ReadAsync() is { } request)
        {
            List<SpendResponse> answers = [];
            for (var next = request; next is not null; next = requests.TryRead(out var more) ? more : null)
                answers.Insert(0, await AnswerAsync(next, call));
            await responses.WriteAllAsync(answers);
        }
    }

    private async Task<SpendResponse> AnswerAsync(SpendRequest request, RpcCall call)
    {
        var answer = new SpendResponse { CorrelationId = request.CorrelationId };
        try
        {
            if (request.Reserve is { } reserve) answer.Reserve = await Reserve(reserve, call);
            if (request.Commit is { } commit) answer.Commit = await Commit(commit, call);
        }
        catch (RpcException failure)
        {
            answer.Status = new Google.Rpc.Status { Code = (int)failure.StatusCode };
        }
        return answer;
    }

    private void Check(string requestId, RpcCall call)
    {
        RequestIds.AddOrUpdate(requestId, 1, (_, count) => count + 1);
        if (call.Authorization != "Bearer abk_test") Faults.Enqueue($"bearer {call.Authorization}");
    }

    private void Close(string reservation, string sessionToken)
    {
        if (!Open.TryRemove(reservation, out string? token)) Faults.Enqueue($"{reservation} is not open");
        else if (token != sessionToken) Faults.Enqueue($"{reservation} is another session's");
    }
}
