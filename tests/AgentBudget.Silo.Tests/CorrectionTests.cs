using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

/// <summary>Finance corrects what was spent: by reservation, by grain, and by another version of the prices.</summary>
public sealed class CorrectionTests
{
    private const string UseCase = "useCases/promo";

    [Fact]
    public async Task A_reservation_is_credited_by_its_id_and_never_beyond_what_it_settled()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        string reservation = await SpendAsync(silo, "first", input: 5_000);
        await SpendAsync(silo, "second", input: 5_000);

        (HttpStatusCode status, JsonNode answer) = await AdjustAsync(silo, "one", -3_000_000, reservation: reservation);

        Assert.True(status == HttpStatusCode.OK, $"{answer}");
        Assert.Equal(7_000_000, (int)answer["after"]!["settled"]!["nanos"]!);
        Assert.Equal(7_000_000, await SettledAsync(silo));
        (status, answer) = await AdjustAsync(silo, "two", -3_000_000, reservation: reservation);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("ADJUSTMENT_TOO_LARGE", answer.ToJsonString(), StringComparison.Ordinal);
        (status, _) = await AdjustAsync(silo, "three", -1, reservation: "r" + new string('A', 22));
        Assert.Equal(HttpStatusCode.NotFound, status);
        Assert.Equal(7_000_000, await SettledAsync(silo));
    }

    [Fact]
    public async Task An_adjustment_shows_in_the_chargeback()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await SpendAsync(silo, "first", input: 5_000);
        await AdjustAsync(silo, "one", -2_000_000, grain: UseCase);
        await AdjustAsync(silo, "two", 500_000, grain: UseCase);

        GetChargebackResponse report = await silo.CallAsync<GetChargebackRequest, GetChargebackResponse>(
            "GetChargeback", new GetChargebackRequest { GroupBy = { "use_case" } });

        Assert.Equal(3_500_000, report.Rows.Single(row => row.Keys["use_case"] == UseCase).Cost.Nanos);
    }

    [Fact]
    public async Task A_period_is_rated_again_first_to_look_at_and_then_booked_once()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await SpendAsync(silo, "first", input: 6_000);
        GetCatalogResponse catalog = await silo.CallAsync<GetCatalogRequest, GetCatalogResponse>("GetCatalog", new());
        await silo.ApplyAsync(
            catalog.Document.Replace("input: 1.00", "input: 0.50", StringComparison.Ordinal), "cheaper");

        DateTimeOffset end = TimeProvider.System.GetUtcNow();

        (HttpStatusCode status, JsonNode seen) = await RerateAsync(silo, "", version: 2, apply: false, end);
        Assert.True(status == HttpStatusCode.OK, $"{seen}");
        JsonNode difference = seen["differences"]!.AsArray().Single(entry => (string?)entry!["grain"] == UseCase)!;
        Assert.Equal((6_000_000, 3_000_000, -3_000_000), (
            (int)difference["settled"]!["nanos"]!,
            (int)difference["rerated"]!["nanos"]!,
            (int)difference["difference"]!["nanos"]!));
        Assert.Equal(6_000_000, await SettledAsync(silo));

        (status, JsonNode booked) = await RerateAsync(silo, "book", version: 2, apply: true, end);
        (_, JsonNode again) = await RerateAsync(silo, "book", version: 2, apply: true, end);

        Assert.True(status == HttpStatusCode.OK, $"{booked}");
        Assert.Equal(seen["differences"]!.ToJsonString(), booked["differences"]!.ToJsonString());
        Assert.Equal(booked.ToJsonString(), again.ToJsonString());
        Assert.Equal(3_000_000, await SettledAsync(silo));
    }

    [Fact]
    public async Task A_price_version_that_never_was_is_refused()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        await SpendAsync(silo, "first", input: 6_000);

        (HttpStatusCode status, JsonNode answer) = await RerateAsync(silo, "", version: 7, apply: false);

        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains("price_version", answer.ToJsonString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Fields_of_an_adjustment_are_checked()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        (Action<AdjustSpendRequest> Change, string Field)[] cases =
        [
            (request => request.Grain = "", "grain"),
            (request => request.ReservationId = "r1", "grain"),
            (request => request.Grain = "nonsense", "grain"),
            (request => request.Amount = null, "amount"),
            (request => request.Amount = new Money(), "amount"),
            (request => request.Amount = new Money { Units = 1, Nanos = -1 }, "amount"),
            (request => request.Amount = new Money { Units = long.MinValue }, "amount"),
            (request => request.Amount.CurrencyCode = "dollars", "amount.currency_code"),
            (request => request.Tokens = 5, "tokens"),
            (request => request.Tokens = long.MinValue, "tokens"),
            (request => request.Reason = "", "reason"),
        ];
        foreach ((Action<AdjustSpendRequest> change, string field) in cases)
        {
            AdjustSpendRequest request = new()
            {
                RequestId = "one",
                Grain = UseCase,
                Amount = new Money { Units = -1 },
                Reason = "typo",
            };
            change(request);
            RpcException refused = await Assert.ThrowsAsync<RpcException>(
                () => silo.CallAsync<AdjustSpendRequest, AdjustSpendResponse>("AdjustSpend", request));
            Assert.Equal(StatusCode.InvalidArgument, refused.StatusCode);
            Google.Rpc.BadRequest bad = refused.GetRpcStatus()!.GetDetail<Google.Rpc.BadRequest>()!;
            Assert.Contains(field, bad.FieldViolations.Select(violation => violation.Field));
        }
    }

    private static async Task<string> SpendAsync(TestSilo silo, string name, long input)
    {
        OpenSessionResponse opened = await silo.OpenAsync(name);
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, $"{name}-hold", input);
        await silo.CommitAsync(opened.SessionToken, $"{name}-commit", reserved.Reservation.ReservationId, input);
        return reserved.Reservation.ReservationId;
    }

    private static Task<(HttpStatusCode Status, JsonNode Body)> AdjustAsync(
        TestSilo silo, string requestId, int nanos, string grain = "", string reservation = "") =>
        silo.PostAsync("AdjustSpend", new JsonObject
        {
            ["requestId"] = requestId,
            ["grain"] = grain,
            ["reservationId"] = reservation,
            ["amount"] = new JsonObject { ["nanos"] = nanos },
            ["reason"] = "typo",
        });

    private static Task<(HttpStatusCode Status, JsonNode Body)> RerateAsync(
        TestSilo silo, string requestId, int version, bool apply, DateTimeOffset? end = null) =>
        silo.PostAsync("RerateSpend", new JsonObject
        {
            ["requestId"] = requestId,
            ["startTime"] = "2026-01-01T00:00:00Z",
            ["endTime"] = (end ?? TimeProvider.System.GetUtcNow()).ToString("yyyy-MM-dd'T'HH:mm:ss.fff'Z'"),
            ["priceVersion"] = $"{version}",
            ["apply"] = apply,
            ["reason"] = "wrong price",
        });

    private static async Task<int> SettledAsync(TestSilo silo) =>
        (await silo.CallAsync<GetBalanceRequest, GetBalanceResponse>(
            "GetBalance", new GetBalanceRequest { Grain = UseCase })).Grains.Single().Settled.Nanos;
}
