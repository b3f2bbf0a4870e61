using System.Globalization;
using System.Net;
using System.Text;
using AgentBudget.Rpc.Tests.Support;
using Xunit.Abstractions;

namespace AgentBudget.Rpc.Tests.Fuzz;

/// <summary>
/// Spoilt requests of every protocol. Whatever comes, a call ends, with a status that blames the request, and nothing
/// is logged. AGENTBUDGET_SEED repeats a run.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int Executions = 200_000;
    private const int ExecutionsOverSockets = 2_000;

    // What a request can be to blame for; UNKNOWN and the like would be ours.
    private static readonly HashSet<string?> GrpcStatuses =
    [
        null, Number(RpcStatusCode.Ok), Number(RpcStatusCode.InvalidArgument), Number(RpcStatusCode.DeadlineExceeded),
        Number(RpcStatusCode.ResourceExhausted), Number(RpcStatusCode.Unimplemented), Number(RpcStatusCode.Internal),
    ];

    private static readonly HashSet<int> HttpStatuses = [200, 400, 404, 405, 408, 415, 429, 500, 501, 504, 505];

    [Fact]
    public async Task Two_hundred_thousand_spoilt_requests_end_with_a_right_status()
    {
        int seed = Seed();
        Random random = new(seed);
        FuzzedServer server = new();
        Dictionary<string, int> seen = [];
        for (int i = 0; i < Executions; i++)
        {
            FuzzedRequest request = FuzzedRequest.Next(random);
            (int http, string? grpc, byte[] body) = await server.HandleAsync(request, random);
            Judge(http, grpc, Encoding.UTF8.GetString(body), $"seed {seed}, execution {i}: {request}");
            string kind = $"HTTP {http}, gRPC {grpc ?? "-"}";
            seen[kind] = seen.GetValueOrDefault(kind) + 1;
        }

        foreach (KeyValuePair<string, int> kind in seen.OrderByDescending(kind => kind.Value))
            output.WriteLine($"{kind.Value,7} {kind.Key}");
        Assert.True(server.Log.Problems.Count == 0, string.Join("\n", server.Log.Problems));
        Assert.True(seen.Count >= 8, "The requests are spoilt in many ways.");
    }

    [Fact]
    public async Task Spoilt_requests_over_real_connections_end_the_same_way()
    {
        int seed = Seed();
        Random random = new(seed);
        await using TestServer server =
            await TestServer.StartAsync(setup => setup.Repeat = (_, _, _) => Task.CompletedTask);
        for (int i = 0; i < ExecutionsOverSockets; i++)
        {
            FuzzedRequest request = FuzzedRequest.Next(random);
            if (request.Verb == "GET" || request.Headers.Values.Any(value => !Ascii.IsValid(value)))
                continue; // The client at hand cannot send them as they are.
            bool isHttp2 = request.Http == "HTTP/2";
            RawAnswer answer = await server.Raw.SendAsync(
                isHttp2 ? server.GrpcAddress : server.HttpAddress,
                isHttp2 ? HttpVersion.Version20 : HttpVersion.Version11,
                new HttpMethod(request.Verb),
                request.Path,
                new ByteArrayContent(request.Body),
                [.. request.Headers.Select(header => (header.Key, header.Value))]);
            string? status = answer.GrpcStatus is RpcStatusCode code ? Number(code) : null;
            Judge((int)answer.Status, status, answer.Text, $"seed {seed}, execution {i}: {request}");
        }

        Assert.Equal("well", (await server.EchoAsync("well")).Text);
    }

    private static void Judge(int http, string? grpc, string body, string which)
    {
        Assert.True(HttpStatuses.Contains(http), $"HTTP {http}, {which}");
        Assert.True(GrpcStatuses.Contains(grpc), $"gRPC {grpc}, {which}");
        Assert.False(body.Contains("failed to handle", StringComparison.Ordinal), $"{body}, {which}");
    }

    private static string Number(RpcStatusCode code) => ((int)code).ToString(CultureInfo.InvariantCulture);

    private int Seed()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("AGENTBUDGET_SEED"), out int given)
            ? given
            : Environment.TickCount & int.MaxValue;
        output.WriteLine($"AGENTBUDGET_SEED={seed}");
        return seed;
    }
}
