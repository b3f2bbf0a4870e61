using System.Globalization;
using System.Net;
using System.Text;
using AgentBudget.Edge.Tests.Support;
using Grpc.Core;

namespace AgentBudget.Edge.Tests.Fuzz;

/// <summary>
/// Spoilt requests of every protocol. Whatever comes, a call ends, with a status that blames the request, and nothing
/// is logged. AGENTBUDGET_SEED repeats a run, AGENTBUDGET_REQUESTS makes it longer.
/// </summary>
public sealed class FuzzTests(ITestOutputHelper output)
{
    private const int ExecutionsDefault = 5_000;

    // What a request can be to blame for; UNKNOWN and the like would be ours.
    private static readonly HashSet<string?> GrpcStatuses =
    [
        null, Number(StatusCode.OK), Number(StatusCode.InvalidArgument), Number(StatusCode.DeadlineExceeded),
        Number(StatusCode.ResourceExhausted), Number(StatusCode.Unimplemented), Number(StatusCode.Internal),
    ];

    private static readonly HashSet<int> HttpStatuses = [200, 400, 404, 405, 408, 415, 426, 429, 501, 504];

    [Fact]
    public async Task Thousands_of_spoilt_requests_end_with_a_right_status()
    {
        int seed = Seed();
        int executions = int.TryParse(Environment.GetEnvironmentVariable("AGENTBUDGET_REQUESTS"), out int given)
            ? given
            : ExecutionsDefault;
        Random random = new(seed);
        await using EdgeServer server = await EdgeServer.StartAsync();
        Dictionary<string, int> seen = [];
        for (int i = 0; i < executions; i++)
        {
            FuzzedRequest request = FuzzedRequest.Next(random);
            if (request.Headers.Values.Any(value => !Ascii.IsValid(value)))
                continue; // The client at hand cannot send them as they are.
            bool isHttp2 = request.Http == "HTTP/2";
            RawAnswer answer = await server.Raw.SendAsync(
                isHttp2 ? server.GrpcAddress : server.HttpAddress,
                isHttp2 ? HttpVersion.Version20 : HttpVersion.Version11,
                new HttpMethod(request.Verb),
                request.Path + request.Query,
                request.Verb == "GET" ? null : new ByteArrayContent(request.Body),
                [.. request.Headers.Select(header => (header.Key, header.Value))]);
            string? status = answer.GrpcStatus is StatusCode code ? Number(code) : null;
            Judge((int)answer.Status, status, answer.Text, $"seed {seed}, execution {i}: {request}");
            string kind = $"HTTP {(int)answer.Status}, gRPC {status ?? "-"}";
            seen[kind] = seen.GetValueOrDefault(kind) + 1;
        }

        foreach (KeyValuePair<string, int> kind in seen.OrderByDescending(kind => kind.Value))
            output.WriteLine($"{kind.Value,7} {kind.Key}");
        Assert.True(seen.Count >= 8, "The requests are spoilt in many ways.");
        Assert.Equal("well", (await server.EchoAsync("well")).Text);
    }

    private static void Judge(int http, string? grpc, string body, string which)
    {
        Assert.True(HttpStatuses.Contains(http), $"HTTP {http}, {which}");
        Assert.True(GrpcStatuses.Contains(grpc), $"gRPC {grpc}, {which}");
        Assert.False(body.Contains("Exception was thrown", StringComparison.Ordinal), $"{body}, {which}");
    }

    private static string Number(StatusCode code) => ((int)code).ToString(CultureInfo.InvariantCulture);

    private int Seed()
    {
        int seed = int.TryParse(Environment.GetEnvironmentVariable("AGENTBUDGET_SEED"), out int given)
            ? given
            : Environment.TickCount & int.MaxValue;
        output.WriteLine($"AGENTBUDGET_SEED={seed}");
        return seed;
    }
}
