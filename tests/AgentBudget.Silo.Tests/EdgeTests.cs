using System.Buffers.Binary;
using System.IO.Compression;
using System.Net;
using System.Net.Http.Headers;
using Google.Rpc;
using Grpc.Core;
using Grpc.Health.V1;
using Grpc.Net.Client;
using Grpc.Reflection.V1;
using Metadata = Grpc.Core.Metadata;
using V1 = AgentBudget.Protocol.V1;

namespace AgentBudget.Silo.Tests;

/// <summary>What callers see of the edge, over real connections.</summary>
public sealed class EdgeTests
{
    private const string Method = "/agentbudget.v1.CatalogService/GetCatalog";

    private static readonly byte[] Empty = Frame(0, []);

    // What is wrong, the headers and the body that have it, and what their sender is told.
    public static TheoryData<string, string, string, byte[], int, string> Faults => new()
    {
        { "malformed", Method, "", Frame(0, [0xFF]), 3, "MESSAGE_MALFORMED" },
        { "flags", Method, "", Frame(4, []), 13, "FLAGS_UNKNOWN" },
        { "two", Method, "", [.. Empty, .. Empty], 12, "MORE_THAN_ONE_MESSAGE" },
        { "cut", Method, "", Frame(0, [1, 2, 3])[..6], 13, "MESSAGE_INCOMPLETE" },
        { "large", Method, "", Frame(0, new byte[(256 * 1024) + 1]), 8, "MESSAGE_TOO_LARGE" },
        { "bomb", Method, "grpc-encoding: gzip", Frame(1, Gzip(new byte[1024 * 1024])), 8, "MESSAGE_TOO_LARGE" },
        { "no gzip", Method, "grpc-encoding: gzip", Frame(1, [1, 2, 3]), 13, "COMPRESSION_INVALID" },
        { "undeclared", Method, "", Frame(1, Gzip([])), 13, "COMPRESSION_UNDECLARED" },
        { "brotli", Method, "grpc-encoding: br", Frame(1, [1]), 12, "ENCODING_UNSUPPORTED" },
        { "timeout", Method, "grpc-timeout: soon", Empty, 3, "HEADER_MALFORMED" },
        { "method", "/agentbudget.v1.CatalogService/Nothing", "", Empty, 12, "METHOD_UNKNOWN" },
        { "service", "/nobody.v1.Service/Nothing", "", Empty, 12, "METHOD_UNKNOWN" },
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task A_fault_of_a_call_is_named(
        string fault, string path, string header, byte[] body, int code, string reason)
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        using HttpRequestMessage request = RequestTo(silo, path, body, silo.AdminKey);
        if (header.Length > 0)
            request.Headers.Add(header.Split(": ")[0], header.Split(": ")[1]);

        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        await response.Content.ReadAsByteArrayAsync();

        bool hasTrailers = response.TrailingHeaders.Contains("grpc-status");
        HttpHeaders end = hasTrailers ? response.TrailingHeaders : response.Headers;
        Google.Rpc.Status status = Google.Rpc.Status.Parser.ParseFrom(
            Convert.FromBase64String(end.GetValues("grpc-status-details-bin").Single()));
        Assert.Equal((fault, code), (fault, status.Code));
        Assert.Equal($"{code}", end.GetValues("grpc-status").Single());
        Assert.Equal((fault, reason), (fault, status.GetDetail<ErrorInfo>()!.Reason));
    }

    [Fact]
    public async Task A_call_without_a_credential_is_refused_before_its_message_is_read()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        using HttpRequestMessage request = RequestTo(silo, Method, Frame(0, [0xFF]), "abk_nobody");

        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);

        Assert.Equal("16", response.Headers.GetValues("grpc-status").Single());
    }

    [Fact]
    public async Task GRPC_Web_is_served_over_http_1()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        using HttpRequestMessage request = new(HttpMethod.Post, $"http://{silo.Host.Http}{Method}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", silo.AdminKey);
        request.Content = new ByteArrayContent(Empty);
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc-web+proto");

        using HttpResponseMessage response = await silo.Http.SendAsync(request).WaitAsync(TestSilo.Patience);
        byte[] body = await response.Content.ReadAsByteArrayAsync();

        int length = BinaryPrimitives.ReadInt32BigEndian(body.AsSpan(1));
        Assert.Equal("acme", V1.GetCatalogResponse.Parser.ParseFrom(body, 5, length).Catalog.Tenant);
        Assert.Equal(0x80, body[5 + length]);
        Assert.Contains(
            "grpc-status: 0", System.Text.Encoding.ASCII.GetString(body[(10 + length)..]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Health_is_told_of_the_silo_and_of_each_service_to_everyone()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{silo.Grpc}");
        Health.HealthClient health = new(channel);
        foreach (string service in (string[])["", "agentbudget.v1.BudgetService", "agentbudget.v1.ReportService"])
        {
            HealthCheckResponse answer = await health.CheckAsync(new HealthCheckRequest { Service = service });
            Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, answer.Status);
        }

        RpcException unknown = await Assert.ThrowsAsync<RpcException>(
            () => health.CheckAsync(new HealthCheckRequest { Service = "nobody" }).ResponseAsync);
        Assert.Equal(StatusCode.NotFound, unknown.StatusCode);
    }

    [Fact]
    public async Task Reflection_shows_the_services_to_administrators_alone()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Identity.Catalog);
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{silo.Grpc}");
        ServerReflection.ServerReflectionClient reflection = new(channel);
        async Task<string[]> ListAsync(string bearer)
        {
            using var call = reflection.ServerReflectionInfo(HeadersOf(bearer));
            await call.RequestStream.WriteAsync(new ServerReflectionRequest { ListServices = "" });
            await call.RequestStream.CompleteAsync();
            Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestSilo.Patience));
            return [.. call.ResponseStream.Current.ListServicesResponse.Service.Select(service => service.Name)];
        }

        Assert.Superset(
            Api.ApiServices.Descriptors.Select(service => service.FullName).ToHashSet(),
            (await ListAsync(silo.AdminKey)).ToHashSet());
        string auditor = await silo.SecretAsync(V1.Role.Auditor, "deloitte");
        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => ListAsync(auditor));
        Assert.Equal(StatusCode.PermissionDenied, refused.StatusCode);
    }

    [Fact]
    public async Task A_watched_session_tells_what_is_left_and_ends_with_why()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        V1.OpenSessionResponse opened = await silo.OpenAsync();
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{silo.Grpc}");
        using var watch = new V1.SessionService.SessionServiceClient(channel).WatchSession(
            new V1.WatchSessionRequest { SessionToken = opened.SessionToken }, HeadersOf(silo.AdminKey));
        async Task<V1.WatchSessionResponse?> NextAsync() =>
            await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestSilo.Patience)
                ? watch.ResponseStream.Current
                : null;

        V1.WatchSessionResponse first = (await NextAsync())!;
        await silo.ReserveAsync(opened.SessionToken, "r1");
        V1.WatchSessionResponse held = (await NextAsync())!;
        await silo.CallAsync<V1.RevokeSessionRequest, V1.RevokeSessionResponse>(
            "RevokeSession",
            new V1.RevokeSessionRequest { RequestId = "stop", Session = opened.Session.Session_, Reason = "stolen" });
        V1.WatchSessionResponse last = (await NextAsync())!;

        Assert.Equal(V1.Session.Types.State.Open, first.Session.State);
        Assert.Equal(opened.Session.Session_, first.Grains[0].Grain);
        Assert.True(held.Grains[0].Held.Nanos > 0);
        Assert.Equal((V1.Session.Types.State.Revoked, "stolen"), (last.Session.State, last.Session.Reason));
        Assert.Empty(last.Grains);
        Assert.Null(await NextAsync());
    }

    [Fact]
    public async Task Items_that_came_in_one_message_are_answered_each()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string token = (await silo.OpenAsync()).SessionToken;
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{silo.Grpc}");
        using var spend = new V1.BudgetService.BudgetServiceClient(channel).Spend(HeadersOf(silo.AdminKey));
        V1.SpendRequest request = new();
        for (uint number = 1; number <= 20; number++)
        {
            request.Items.Add(new V1.SpendItem
            {
                CorrelationId = number,
                Reserve = new V1.ReserveTokensRequest
                {
                    RequestId = $"r{number}",
                    SessionToken = token,
                    Model = "m",
                    Estimate = new V1.TokenEstimate { InputTokens = 10, MaxOutputTokens = 0 },
                },
            });
        }

        request.Items.Add(new V1.SpendItem { CorrelationId = 21 });
        request.Items.Add(new V1.SpendItem
        {
            CorrelationId = 22,
            AuthorizeTool = new V1.AuthorizeToolRequest { RequestId = "t", SessionToken = token, Tool = "no.tool" },
        });
        await spend.RequestStream.WriteAsync(request);
        await spend.RequestStream.CompleteAsync();
        List<V1.SpendAnswer> answers = [];
        while (await spend.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestSilo.Patience))
            answers.AddRange(spend.ResponseStream.Current.Answers);

        Assert.Equal(
            Enumerable.Range(1, 22).Select(number => (ulong)number), answers.Select(one => one.CorrelationId).Order());
        Assert.All(
            answers.Where(answer => answer.CorrelationId <= 20),
            answer => Assert.Equal(V1.Decision.Allow, answer.Reserve.Decision));
        Assert.Equal(
            (int)StatusCode.InvalidArgument, answers.Single(answer => answer.CorrelationId == 21).Status.Code);
        Assert.Equal(V1.Decision.Deny, answers.Single(answer => answer.CorrelationId == 22).AuthorizeTool.Decision);
    }

    [Fact]
    public async Task A_stream_is_told_that_the_silo_stops()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        using GrpcChannel channel = GrpcChannel.ForAddress($"http://{silo.Grpc}");
        using var watch = new V1.SpendService.SpendServiceClient(channel).WatchSpend(
            new V1.WatchSpendRequest { Snapshot = true }, HeadersOf(silo.AdminKey));
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None).WaitAsync(TestSilo.Patience));

        Task<bool> next = watch.ResponseStream.MoveNext(CancellationToken.None);
        await silo.StopAsync();

        RpcException told = await Assert.ThrowsAsync<RpcException>(() => next.WaitAsync(TestSilo.Patience));
        Assert.Equal(StatusCode.Unavailable, told.StatusCode);
        Assert.Equal("DRAINING", told.GetRpcStatus()!.GetDetail<ErrorInfo>()!.Reason);
    }

    private static Metadata HeadersOf(string bearer) => new() { { "authorization", $"Bearer {bearer}" } };

    private static HttpRequestMessage RequestTo(TestSilo silo, string path, byte[] body, string bearer)
    {
        HttpRequestMessage request = new(HttpMethod.Post, $"http://{silo.Grpc}{path}")
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(body),
        };
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", bearer);
        request.Headers.Add("te", "trailers");
        return request;
    }

    private static byte[] Frame(byte flags, byte[] message)
    {
        byte[] frame = new byte[5 + message.Length];
        frame[0] = flags;
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, 5);
        return frame;
    }

    private static byte[] Gzip(byte[] message)
    {
        using MemoryStream compressed = new();
        using (GZipStream gzip = new(compressed, CompressionLevel.Optimal))
            gzip.Write(message);
        return compressed.ToArray();
    }
}
