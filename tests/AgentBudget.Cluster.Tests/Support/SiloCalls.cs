using AgentBudget.Protocol.V1;
using Google.Rpc;
using Grpc.Core;
using Grpc.Net.Client;

namespace AgentBudget.Cluster.Tests.Support;

/// <summary>The public API of one silo, for whoever has a key or a token.</summary>
internal sealed class SiloCalls : IDisposable
{
    private static readonly TimeSpan CallTimeout = TimeSpan.FromSeconds(40);

    private readonly GrpcChannel _channel;

    public SiloCalls(ClusterSilo silo) => _channel = GrpcChannel.ForAddress(silo.Grpc, new GrpcChannelOptions
    {
        HttpHandler = new SocketsHttpHandler { UseProxy = false, EnableMultipleHttp2Connections = true },
        DisposeHttpClient = true,
    });

    public async Task ApplyCatalogAsync(string key, string document) =>
        await new CatalogService.CatalogServiceClient(_channel).ApplyCatalogAsync(
            new ApplyCatalogRequest { RequestId = "catalog", Document = document }, Options(key));

    public async Task<CreateCredentialResponse> CreateCredentialAsync(
        string key, string requestId, string publicJwk = "") =>
        await new IdentityService.IdentityServiceClient(_channel).CreateCredentialAsync(
            new CreateCredentialRequest
            {
                RequestId = requestId,
                Principal = "agents/agent",
                Role = Role.Agent,
                PublicJwk = publicJwk,
            },
            Options(key));

    public async Task RevokeCredentialAsync(string key, string credential, string requestId) =>
        await new IdentityService.IdentityServiceClient(_channel).RevokeCredentialAsync(
            new RevokeCredentialRequest { RequestId = requestId, Credential = credential, Reason = "leaked" },
            Options(key));

    public async Task<RotateSigningKeyResponse> RotateAsync(string key, string requestId, string endKeyId = "") =>
        await new IdentityService.IdentityServiceClient(_channel).RotateSigningKeyAsync(
            new RotateSigningKeyRequest
            {
                RequestId = requestId,
                Reason = "yearly",
                EndKeyId = endKeyId,
                Overlap = new Google.Protobuf.WellKnownTypes.Duration { Seconds = endKeyId.Length > 0 ? 0 : 3600 },
            },
            Options(key));

    public async Task<OpenSessionResponse> OpenSessionAsync(
        string key, string requestId, string useCase = "useCases/case") =>
        await new SessionService.SessionServiceClient(_channel).OpenSessionAsync(
            new OpenSessionRequest
            {
                RequestId = requestId,
                Agent = "agents/agent",
                UseCase = useCase,
                Unattended = true,
            },
            Options(key));

    public async Task EndSessionAsync(string key, string token, string requestId) =>
        await new SessionService.SessionServiceClient(_channel).EndSessionAsync(
            new EndSessionRequest { RequestId = requestId, SessionToken = token }, Options(key));

    public async Task<ReserveTokensResponse> ReserveAsync(string key, string token, string requestId, long tokens) =>
        await new BudgetService.BudgetServiceClient(_channel).ReserveTokensAsync(
            new ReserveTokensRequest
            {
                RequestId = requestId,
                SessionToken = token,
                Model = "model",
                Estimate = new TokenEstimate { InputTokens = tokens, MaxOutputTokens = 0 },
            },
            Options(key));

    /// <summary>Asks for the balance of what a key or a token speaks for.</summary>
    public async Task<GetBalanceResponse> GetBalanceAsync(string key, string grain) =>
        await new BudgetService.BudgetServiceClient(_channel).GetBalanceAsync(
            new GetBalanceRequest { Grain = grain }, Options(key));

    /// <summary>The same with a token that is bound to a key, and a proof of it.</summary>
    public async Task<GetBalanceResponse> GetBalanceAsync(string token, string proof, string grain) =>
        await new BudgetService.BudgetServiceClient(_channel).GetBalanceAsync(
            new GetBalanceRequest { Grain = grain },
            new CallOptions(
                new Metadata { { "authorization", $"DPoP {token}" }, { "dpop", proof } },
                TimeProvider.System.GetUtcNow().UtcDateTime + CallTimeout));

    /// <summary>How a call is refused: its status, or OK when it is not.</summary>
    public static async Task<StatusCode> StatusOfAsync(Task call)
    {
        try
        {
            await call;
            return StatusCode.OK;
        }
        catch (RpcException refusal)
        {
            return refusal.StatusCode;
        }
    }

    /// <summary>Repeats a call until its outcome is known, as a client does.</summary>
    public static async Task<T> UntilKnownAsync<T>(Func<Task<T>> call)
    {
        while (true)
        {
            try
            {
                return await call();
            }
            catch (RpcException open) when (open.StatusCode is StatusCode.Unavailable or StatusCode.DeadlineExceeded
                || open.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason == "SESSION_QUEUE_FULL")
            {
                await Task.Delay(TimeSpan.FromMilliseconds(20));
            }
        }
    }

    public void Dispose() => _channel.Dispose();

    private static CallOptions Options(string key) => new(
        new Metadata { { "authorization", $"Bearer {key}" } },
        TimeProvider.System.GetUtcNow().UtcDateTime + CallTimeout);
}
