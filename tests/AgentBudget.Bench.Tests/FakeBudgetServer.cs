using System.Buffers.Binary;
using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using AgentBudget.Protocol.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;

namespace AgentBudget.Bench.Tests;

/// <summary>A real server on loopback whose answers are made up, and that remembers what it was asked.</summary>
internal sealed class FakeBudgetServer : BudgetService.BudgetServiceBase, IAsyncDisposable
{
    private readonly WebApplication _host;
    private ListenOptions? _listen;
    private long _reservation;

    private FakeBudgetServer()
    {
        WebApplicationBuilder builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.Services.AddRouting().AddSingleton(this).AddGrpc();
        builder.Services.AddGrpcHealthChecks().AddCheck("fake", () =>
            Microsoft.Extensions.Diagnostics.HealthChecks.HealthCheckResult.Healthy());
        builder.WebHost.UseKestrelCore().ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            listen.Protocols = HttpProtocols.Http2;
            _listen = listen;
        }));
        _host = builder.Build();
        _host.UseRouting();
        _host.MapGrpcService<FakeBudgetServer>();
        _host.MapGrpcHealthChecksService();
    }

    public IPEndPoint Address => _listen!.IPEndPoint!;

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
        await server._host.StartAsync();
        return server;
    }

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    public override Task<ReserveTokensResponse> ReserveTokens(ReserveTokensRequest request, ServerCallContext context)
    {
        Check(request.RequestId, context);
        if (IsFailing) throw new RpcException(new Status(StatusCode.Unavailable, "not now"));
        if (IsDenying)
        {
            return Task.FromResult(new ReserveTokensResponse
            {
                Decision = Decision.Deny,
                Denial = new Denial { Reason = Reason.UseCaseBudget },
            });
        }

        byte[] number = new byte[RequestTemplates.ReservationBytes];
        BinaryPrimitives.WriteInt64BigEndian(number, Interlocked.Increment(ref _reservation));
        string id = $"r{Base64Url.EncodeToString(number)}";
        Open.TryAdd(id, request.SessionToken);
        return Task.FromResult(new ReserveTokensResponse
        {
            Decision = Decision.Allow,
            Reservation = new Reservation { ReservationId = id, Model = request.Model, Tokens = 2000 },
            Balance = new Balance { Grain = "useCases/bench-case", AvailableTokens = 5 },
        });
    }

    public override Task<CommitTokensResponse> CommitTokens(CommitTokensRequest request, ServerCallContext context)
    {
        Check(request.RequestId, context);
        Close(request.ReservationId, request.SessionToken);
        return Task.FromResult(new CommitTokensResponse { Settled = new Amount { Tokens = 1500 } });
    }

    public override Task<ReleaseTokensResponse> ReleaseTokens(ReleaseTokensRequest request, ServerCallContext context)
    {
        Check(request.RequestId, context);
        Close(request.ReservationId, request.SessionToken);
        return Task.FromResult(new ReleaseTokensResponse { Released = new Amount { Tokens = 2000 } });
    }

    // Backwards in every message, because answers come in any order.
    public override async Task Spend(
        IAsyncStreamReader<SpendRequest> requestStream,
        IServerStreamWriter<SpendResponse> responseStream,
        ServerCallContext context)
    {
        await context.WriteResponseHeadersAsync([]);
        await foreach (SpendRequest request in requestStream.ReadAllAsync())
        {
            var answers = new SpendResponse();
            foreach (SpendItem item in request.Items.Reverse()) answers.Answers.Add(await AnswerAsync(item, context));
            await responseStream.WriteAsync(answers);
        }
    }

    private async Task<SpendAnswer> AnswerAsync(SpendItem item, ServerCallContext context)
    {
        var answer = new SpendAnswer { CorrelationId = item.CorrelationId };
        try
        {
            if (item.Reserve is { } reserve) answer.Reserve = await ReserveTokens(reserve, context);
            if (item.Commit is { } commit) answer.Commit = await CommitTokens(commit, context);
        }
        catch (RpcException failure)
        {
            answer.Status = new Google.Rpc.Status { Code = (int)failure.StatusCode };
        }

        return answer;
    }

    private void Check(string requestId, ServerCallContext context)
    {
        RequestIds.AddOrUpdate(requestId, 1, (_, count) => count + 1);
        string? authorization = context.RequestHeaders.GetValue("authorization");
        if (authorization != "Bearer abk_test") Faults.Enqueue($"bearer {authorization}");
    }

    private void Close(string reservation, string sessionToken)
    {
        if (!Open.TryRemove(reservation, out string? token)) Faults.Enqueue($"{reservation} is not open");
        else if (token != sessionToken) Faults.Enqueue($"{reservation} is another session's");
    }
}
