using AgentBudget.Protocol.V1;
using Google.Rpc;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class SpendStreamTests
{
    [Fact]
    public async Task Items_are_answered_as_their_methods_would_each_with_its_number()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string token = (await silo.OpenAsync()).SessionToken;
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend();

        await stream.RequestStream.WriteAsync(Reserve(7, token, "r1"));
        await stream.RequestStream.WriteAsync(Reserve(8, token, "r2"));
        Dictionary<ulong, SpendResponse> held = await ReadAsync(stream, 2);
        await stream.RequestStream.WriteAsync(Commit(9, token, "c1", held[7].Reserve.Reservation.ReservationId));
        await stream.RequestStream.WriteAsync(
            Release(ulong.MaxValue, token, "x1", held[8].Reserve.Reservation.ReservationId));
        Dictionary<ulong, SpendResponse> ended = await ReadAsync(stream, 2);

        Assert.Equal(500_000, ended[9].Commit.Settled.Cost.Nanos);
        Assert.Equal(1000, ended[ulong.MaxValue].Release.Released.Tokens);
        GrainBalance session = (await silo.BalanceAsync(token))[0];
        Assert.Equal((0, 500), (session.HeldTokens, session.SettledTokens));
        await stream.RequestStream.CompleteAsync();
        Assert.Null(await stream.NextAsync());
    }

    [Fact]
    public async Task A_failed_item_has_its_status_and_the_stream_goes_on()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string token = (await silo.OpenAsync()).SessionToken;
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend();

        await stream.RequestStream.WriteAsync(new SpendRequest { CorrelationId = 1 });
        await stream.RequestStream.WriteAsync(Reserve(2, "eyJ.forged.token", "r2"));
        await stream.RequestStream.WriteAsync(Reserve(3, token, ""));
        await stream.RequestStream.WriteAsync(Commit(4, token, "c4", "r999999"));
        await stream.RequestStream.WriteAsync(Reserve(5, token, "r5"));
        Dictionary<ulong, SpendResponse> answers = await ReadAsync(stream, 5);
        await stream.RequestStream.WriteAsync(Reserve(6, token, "r5", input: 2));
        answers[6] = (await ReadAsync(stream, 1))[6];

        AssertStatus(answers[1], StatusCode.InvalidArgument, "INVALID_FIELD");
        AssertStatus(answers[2], StatusCode.Unauthenticated, "SESSION_TOKEN_INVALID");
        AssertStatus(answers[3], StatusCode.InvalidArgument, "INVALID_FIELD");
        AssertStatus(answers[4], StatusCode.NotFound, "RESERVATION_NOT_FOUND");
        AssertStatus(answers[6], StatusCode.AlreadyExists, "KEY_REUSED");
        Assert.Equal(Decision.Allow, answers[5].Reserve.Decision);
    }

    [Fact]
    public async Task A_session_spends_through_a_stream_of_its_own_and_of_no_other()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string own = (await silo.OpenAsync()).SessionToken;
        string other = (await silo.OpenAsync("open-2")).SessionToken;
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend(own);

        await stream.RequestStream.WriteAsync(Reserve(1, "", "r1"));
        await stream.RequestStream.WriteAsync(Reserve(2, other, "r2"));
        Dictionary<ulong, SpendResponse> answers = await ReadAsync(stream, 2);

        Assert.Equal(Decision.Allow, answers[1].Reserve.Decision);
        AssertStatus(answers[2], StatusCode.PermissionDenied, "ROLE_FORBIDDEN");
        Assert.Equal(0, (await silo.BalanceAsync(other))[0].HeldTokens);
    }

    [Fact]
    public async Task Many_items_at_once_get_exactly_what_is_left_and_repeated_ones_the_same_answer()
    {
        const int asked = 3000;
        await using TestSilo silo = await TestSilo.StartAsync();
        string[] tokens = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(async index => (await silo.OpenAsync($"open-{index}")).SessionToken));
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend();

        // A unit is left and each of a thousand requests asks for a 300th of it, three times over.
        Task<Dictionary<ulong, SpendResponse>> reading = ReadAsync(stream, asked);
        for (int i = 0; i < asked; i++)
        {
            int request = i % 1000;
            await stream.RequestStream.WriteAsync(
                Reserve((ulong)i, tokens[request % tokens.Length], $"r-{request}", input: 3333));
        }

        Dictionary<ulong, SpendResponse> answers = await reading;
        Assert.Equal(900, answers.Values.Count(answer => answer.Reserve.Decision == Decision.Allow));
        Assert.All(Enumerable.Range(0, 1000), request => Assert.Single(
            Enumerable.Range(0, 3).Select(round => answers[(ulong)(request + (round * 1000))].Reserve).Distinct()));
        GrainBalance useCase = (await silo.BalanceAsync(tokens[0])).Single(grain => grain.Grain == "useCases/promo");
        Assert.Equal(300 * 3333, useCase.HeldTokens);
    }

    [Fact]
    public async Task A_stream_ends_soon_after_its_session_is_revoked()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend(opened.SessionToken);
        await stream.RequestStream.WriteAsync(Reserve(1, "", "r1"));
        await ReadAsync(stream, 1);

        await silo.CallAsync<RevokeSessionRequest, RevokeSessionResponse>("RevokeSession", new RevokeSessionRequest
        {
            RequestId = "revoke",
            Session = opened.Session.Session_,
            Reason = "lost",
        });

        // The bound of 5 s is held on a clock of its own in the tests of the protocol edge.
        RpcException end = await Assert.ThrowsAsync<RpcException>(
            () => stream.NextAsync());
        Assert.Equal(StatusCode.Unauthenticated, end.StatusCode);
        Assert.Equal("SESSION_TOKEN_INVALID", end.GetRpcStatus()?.GetDetail<ErrorInfo>()?.Reason);
    }

    [Fact]
    public async Task A_draining_silo_answers_what_it_has_read_and_ends_the_stream()
    {
        const int asked = 500;
        await using TestSilo silo = await TestSilo.StartAsync();
        string token = (await silo.OpenAsync()).SessionToken;
        using AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream = silo.OpenSpend();
        for (int i = 0; i < asked; i++)
            await stream.RequestStream.WriteAsync(Reserve((ulong)i, token, $"r-{i}", input: 1));
        await ReadAsync(stream, asked);

        Task stopping = silo.StopAsync();

        RpcException end = await Assert.ThrowsAsync<RpcException>(
            () => stream.NextAsync());
        Assert.Equal(StatusCode.Unavailable, end.StatusCode);
        await stopping;
    }

    private static SpendRequest Reserve(ulong number, string token, string requestId, long input = 1000) => new()
    {
        CorrelationId = number,
        Reserve = new ReserveTokensRequest
        {
            RequestId = requestId,
            SessionToken = token,
            Model = "m",
            Estimate = new TokenEstimate { InputTokens = input, MaxOutputTokens = 0 },
        },
    };

    private static SpendRequest Commit(ulong number, string token, string requestId, string reservation) => new()
    {
        CorrelationId = number,
        Commit = new CommitTokensRequest
        {
            RequestId = requestId,
            SessionToken = token,
            ReservationId = reservation,
            Usage = new TokenUsage { InputTokens = 500 },
        },
    };

    private static SpendRequest Release(ulong number, string token, string requestId, string reservation) => new()
    {
        CorrelationId = number,
        Release = new ReleaseTokensRequest
        {
            RequestId = requestId,
            SessionToken = token,
            ReservationId = reservation,
        },
    };

    private static async Task<Dictionary<ulong, SpendResponse>> ReadAsync(
        AsyncDuplexStreamingCall<SpendRequest, SpendResponse> stream, int count)
    {
        Dictionary<ulong, SpendResponse> answers = [];
        for (int i = 0; i < count; i++)
        {
            SpendResponse? answer = await stream.NextAsync();
            Assert.NotNull(answer);
            answers.Add(answer.CorrelationId, answer);
        }

        return answers;
    }

    private static void AssertStatus(SpendResponse answer, StatusCode code, string reason)
    {
        Assert.Equal((int)code, answer.Status.Code);
        Assert.Equal(reason, answer.Status.Details[0].Unpack<ErrorInfo>().Reason);
    }
}
