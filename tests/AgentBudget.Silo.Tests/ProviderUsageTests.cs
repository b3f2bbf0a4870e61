using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class ProviderUsageTests
{
    private const string Rates =
        "input: 1.00, output: 10.00, cacheRead: 0.10, cacheWrite5m: 1.25, cacheWrite1h: 2.00, inputAudio: 4.00";

    private static readonly string Catalog = Catalogs.Small
        .Replace("input: 1.00, output: 1.00", Rates, StringComparison.Ordinal)
        + "\nskus: [{ id: web_search, unit: search, cost: 0.01 }]";

    // Reports as the providers write them, and what they cost in nanos by hand: 1,000 an input token, 100 a cached one,
    // 1,250 and 2,000 a written one, 4,000 an audio one, 10,000 one of output or reasoning, 10,000,000 a search.
    public static TheoryData<string, long> Reports() => new()
    {
        {
            """
            {"openAi": {"prompt_tokens": 2000, "completion_tokens": 300, "total_tokens": 2300,
                "prompt_tokens_details": {"cached_tokens": 1200, "audio_tokens": 100},
                "completion_tokens_details": {"reasoning_tokens": 150, "audio_tokens": 0,
                    "accepted_prediction_tokens": 0, "rejected_prediction_tokens": 0}}}
            """,
            (700 * 1_000) + (1200 * 100) + (100 * 4_000) + (300 * 10_000)
        },
        {
            """
            {"openAiResponses": {"input_tokens": 2000, "input_tokens_details": {"cached_tokens": 1200},
                "output_tokens": 300, "output_tokens_details": {"reasoning_tokens": 150}, "total_tokens": 2300}}
            """,
            (800 * 1_000) + (1200 * 100) + (300 * 10_000)
        },
        {
            """
            {"anthropic": {"input_tokens": 2000, "cache_creation_input_tokens": 300, "cache_read_input_tokens": 1200,
                "cache_creation": {"ephemeral_5m_input_tokens": 200, "ephemeral_1h_input_tokens": 100},
                "output_tokens": 300, "server_tool_use": {"web_search_requests": 2},
                "service_tier": "standard"}}
            """,
            (2000 * 1_000) + (1200 * 100) + (200 * 1_250) + (100 * 2_000) + (300 * 10_000) + (2 * 10_000_000)
        },
        {
            """
            {"gemini": {"promptTokenCount": 2000, "cachedContentTokenCount": 1200, "candidatesTokenCount": 200,
                "thoughtsTokenCount": 100, "totalTokenCount": 2300,
                "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 1900},
                    {"modality": "AUDIO", "tokenCount": 100}]}}
            """,
            (700 * 1_000) + (1200 * 100) + (100 * 4_000) + (300 * 10_000)
        },
    };

    [Theory]
    [MemberData(nameof(Reports))]
    public async Task A_providers_own_report_is_settled_as_the_usage_that_it_comes_to(string report, long costNanos)
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalog);
        string token = (await silo.OpenAsync()).SessionToken;
        ReserveTokensResponse held = await silo.ReserveAsync(token, "r1", input: 100_000);

        (HttpStatusCode status, JsonNode settled) = await silo.PostAsync("CommitTokens", new JsonObject
        {
            ["requestId"] = "c1",
            ["sessionToken"] = token,
            ["reservationId"] = held.Reservation.ReservationId,
            ["providerUsage"] = JsonNode.Parse(report),
        });

        Assert.Equal((HttpStatusCode.OK, costNanos), (status, (long)settled["settled"]!["cost"]!["nanos"]!));
        GrainBalance tenant = (await silo.BalanceAsync(token))[^1];
        Assert.Equal((costNanos, 0), (tenant.Settled.Nanos, tenant.Held.Nanos));
        GetChargebackResponse chargeback = await silo.CallAsync<GetChargebackRequest, GetChargebackResponse>(
            "GetChargeback", new GetChargebackRequest());
        Assert.Equal(costNanos, chargeback.Total.Cost.Nanos);
        Assert.Equal(1200, chargeback.Total.Tokens.CacheReadTokens);
        Assert.Equal(300, chargeback.Total.Tokens.OutputTokens + chargeback.Total.Tokens.ReasoningTokens);
    }

    [Fact]
    public async Task A_report_and_the_usage_that_it_comes_to_are_the_same_content()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalog);
        string token = (await silo.OpenAsync()).SessionToken;
        string held = (await silo.ReserveAsync(token, "r1")).Reservation.ReservationId;
        ProviderUsage report = new()
        {
            OpenAi = Struct.Parser.ParseJson(
                """{"prompt_tokens": 500, "completion_tokens": 20, "prompt_tokens_details": {"cached_tokens": 100}}"""),
        };
        CommitTokensResponse first = await CommitAsync(silo, token, held, request => request.ProviderUsage = report);

        // Another report that comes to the same, and the usage itself.
        report.OpenAi.Fields["total_tokens"] = Value.ForNumber(520);
        TokenUsage usage = new() { InputTokens = 400, CacheReadTokens = 100, OutputTokens = 20 };
        Assert.Equal(first, await CommitAsync(silo, token, held, request => request.ProviderUsage = report));
        Assert.Equal(first, await CommitAsync(silo, token, held, request => request.Usage = usage));
        report.OpenAi.Fields["prompt_tokens_details"].StructValue.Fields["cached_tokens"] = Value.ForNumber(101);
        RpcException reused = await Assert.ThrowsAsync<RpcException>(
            () => CommitAsync(silo, token, held, request => request.ProviderUsage = report));
        Assert.Equal(StatusCode.AlreadyExists, reused.StatusCode);
        Assert.Equal(610_000, (await silo.BalanceAsync(token))[0].Settled.Nanos);
    }

    [Fact]
    public async Task A_report_beside_usage_or_called_an_estimate_is_refused()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalog);
        string token = (await silo.OpenAsync()).SessionToken;
        string held = (await silo.ReserveAsync(token, "r1")).Reservation.ReservationId;
        ProviderUsage report = new() { Anthropic = Struct.Parser.ParseJson("""{"output_tokens": 1}""") };

        RpcException refused = await Assert.ThrowsAsync<RpcException>(() => CommitAsync(silo, token, held, request =>
        {
            request.Usage = new TokenUsage { OutputTokens = 1 };
            request.ProviderUsage = report;
            request.UsageSource = UsageSource.Estimated;
        }));

        Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
        Assert.Contains(
            "provider_usage: must not be given beside usage", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Contains("usage_source: must be PROVIDER", refused.Status.Detail, StringComparison.Ordinal);
        Assert.Equal(0, (await silo.BalanceAsync(token))[0].Settled.Nanos);
    }

    [Fact]
    public async Task A_commit_on_a_stream_takes_a_report_too()
    {
        await using TestSilo silo = await TestSilo.StartAsync(Catalog);
        string token = (await silo.OpenAsync()).SessionToken;
        string held = (await silo.ReserveAsync(token, "r1")).Reservation.ReservationId;
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend();

        await stream.RequestStream.WriteAsync(new SpendRequest
        {
            CorrelationId = 7,
            Commit = new CommitTokensRequest
            {
                RequestId = "c1",
                SessionToken = token,
                ReservationId = held,
                ProviderUsage = new ProviderUsage
                {
                    Gemini = Struct.Parser.ParseJson("""{"promptTokenCount": 10, "thoughtsTokenCount": 5}"""),
                },
            },
        });
        SpendResponse? answer = await stream.NextAsync();

        Assert.Equal((7UL, 60_000), (answer!.CorrelationId, answer.Commit.Settled.Cost.Nanos));
    }

    private static Task<CommitTokensResponse> CommitAsync(
        TestSilo silo, string token, string reservation, Action<CommitTokensRequest> change)
    {
        CommitTokensRequest request = new() { RequestId = "c1", SessionToken = token, ReservationId = reservation };
        change(request);
        return silo.CallAsync<CommitTokensRequest, CommitTokensResponse>("CommitTokens", request);
    }
}
