using System.Net;
using System.Text.Json.Nodes;
using AgentBudget.Protocol.V1;
using Grpc.Core;

namespace AgentBudget.Silo.Tests;

public sealed class SpendTests
{
    private static readonly string[] Path =
        ["agents/writer", "useCases/promo", "businessUnits/marketing", "tenants/acme"];

    [Fact]
    public async Task A_hold_shows_on_every_grain_of_the_path_and_a_commit_settles_it()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();

        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "r1");

        Assert.Equal(Decision.Allow, reserved.Decision);
        Assert.Equal(1_000_000, reserved.Reservation.Cost.Nanos);
        IReadOnlyList<GrainBalance> held = await silo.BalanceAsync(opened.SessionToken);
        Assert.Equal([opened.Session.Session_, .. Path], held.Select(grain => grain.Grain));
        Assert.All(held, grain => Assert.Equal((1_000_000, 1000), (grain.Held.Nanos, grain.HeldTokens)));

        CommitTokensResponse committed =
            await silo.CommitAsync(opened.SessionToken, "c1", reserved.Reservation.ReservationId, input: 500);

        Assert.Equal(500_000, committed.Settled.Cost.Nanos);
        Assert.Null(committed.Overrun);
        Assert.All(await silo.BalanceAsync(opened.SessionToken), grain =>
        {
            Assert.Equal((0, 0), (grain.Held.Nanos, grain.HeldTokens));
            Assert.Equal((500_000, 500), (grain.Settled.Nanos, grain.SettledTokens));
        });
    }

    [Fact]
    public async Task The_same_works_as_json_over_http_1()
    {
        await using TestSilo silo = await TestSilo.StartAsync();

        (_, JsonNode opened) = await silo.PostAsync("OpenSession", new JsonObject
        {
            ["requestId"] = "open",
            ["agent"] = "agents/writer",
            ["useCase"] = "useCases/promo",
            ["unattended"] = true,
            ["ttl"] = "600s",
            ["ceilings"] = new JsonObject { ["costPerSession"] = new JsonObject { ["units"] = "2" } },
        });
        string token = (string)opened["sessionToken"]!;
        Assert.Equal("STATE_OPEN", (string?)opened["session"]!["state"]);
        (HttpStatusCode status, JsonNode reserved) = await silo.PostAsync("ReserveTokens", new JsonObject
        {
            ["requestId"] = "r1",
            ["sessionToken"] = token,
            ["model"] = "m",
            ["ttl"] = "60s",
            ["estimate"] = new JsonObject { ["inputTokens"] = "1000", ["maxOutputTokens"] = "1000" },
        });
        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("DECISION_ALLOW", (string?)reserved["decision"]);
        Assert.Equal(2_000_000, (int?)reserved["reservation"]!["cost"]!["nanos"]);
        (_, JsonNode committed) = await silo.PostAsync("CommitTokens", new JsonObject
        {
            ["requestId"] = "c1",
            ["sessionToken"] = token,
            ["reservationId"] = (string?)reserved["reservation"]!["reservationId"],
            ["usage"] = new JsonObject { ["inputTokens"] = "1000", ["outputTokens"] = "1500" },
        });
        Assert.Equal(2_500_000, (int?)committed["settled"]!["cost"]!["nanos"]);
        Assert.Equal(500_000, (int?)committed["overrun"]!["cost"]!["nanos"]);
        (_, JsonNode balance) = await silo.PostAsync("GetBalance", new JsonObject { ["grain"] = "useCases/promo" });
        Assert.Equal(2_500_000, (int?)balance["grains"]![0]!["settled"]!["nanos"]);
        (_, JsonNode ended) = await silo.PostAsync("EndSession", new JsonObject
        {
            ["requestId"] = "e1",
            ["sessionToken"] = token,
            ["outcome"] = new JsonObject
            {
                ["status"] = "STATUS_SUCCESS",
                ["metrics"] = new JsonObject { ["quotesBound"] = 131 },
            },
        });
        Assert.Equal("STATE_ENDED", (string?)ended["session"]!["state"]);
    }

    [Fact]
    public async Task Above_the_soft_cap_a_call_is_allowed_downgraded_and_told_the_model_to_use()
    {
        string catalog = Catalogs.Small
            .Replace(
                "tiers: [{ at: 50, notify: [owner] }, { at: 100, action: refuse }]",
                "tiers: [{ at: 100, action: downgrade }, { at: 110, action: refuse }]",
                StringComparison.Ordinal)
            .Replace(
                "    businessUnit: marketing\n    budget:\n",
                "    businessUnit: marketing\n    downgrade: { big: m }\n    budget:\n",
                StringComparison.Ordinal)
            .Replace("models: [m]", "models: [m, big]", StringComparison.Ordinal)
            + "\n  - { model: big, effectiveFrom: 2026-01-01, rates: { input: 10.00, output: 10.00 } }";
        await using TestSilo silo = await TestSilo.StartAsync(catalog);
        string token = (await silo.OpenAsync()).SessionToken;

        ReserveTokensResponse asked = await silo.ReserveAsync(token, "r1", input: 100_000, Big);
        ReserveTokensResponse cheaper = await silo.ReserveAsync(token, "r2", input: 10_000, Big);

        Assert.Equal((Decision.Allow, "big"), (asked.Decision, asked.Reservation.Model));
        Assert.Equal((Decision.AllowDowngraded, "m"), (cheaper.Decision, cheaper.Reservation.Model));
        Assert.Equal(10_000_000, cheaper.Reservation.Cost.Nanos);

        static void Big(ReserveTokensRequest request) => request.Model = "big";
    }

    [Fact]
    public async Task A_spend_above_the_cap_is_refused_and_says_why()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        ReserveTokensResponse first = await silo.ReserveAsync(opened.SessionToken, "r1", input: 900_000);
        Assert.Equal(Decision.Allow, first.Decision);

        ReserveTokensResponse denied = await silo.ReserveAsync(opened.SessionToken, "r2", input: 100_001);

        Assert.Equal(Decision.Deny, denied.Decision);
        Assert.Null(denied.Reservation);
        Assert.Equal(Reason.UseCaseBudget, denied.Denial.Reason);
        Assert.Equal("useCases/promo", denied.Denial.Grain);
        Assert.Equal(1, denied.Denial.Limit.Units);
        Assert.Equal(900_000_000, denied.Denial.Held.Nanos);
        Assert.Equal(100_001_000, denied.Denial.Requested.Nanos);
        Assert.Equal(
            "useCases/promo has 0.10 USD left of 1.00 USD (0.00 USD settled, 0.90 USD held), "
            + "and this call asks for 0.100001 USD.",
            denied.Denial.Message);
        Assert.Equal(Decision.Allow, (await silo.ReserveAsync(opened.SessionToken, "r3", input: 100_000)).Decision);
    }

    [Fact]
    public async Task A_retry_has_one_effect_and_a_reused_key_none()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        OpenSessionResponse again = await silo.OpenAsync();
        Assert.Equal(opened.Session, again.Session);

        ReserveTokensResponse first = await silo.ReserveAsync(opened.SessionToken, "r1");
        ReserveTokensResponse retried = await silo.ReserveAsync(again.SessionToken, "r1");
        RpcException reused = await Assert.ThrowsAsync<RpcException>(
            () => silo.ReserveAsync(opened.SessionToken, "r1", input: 2000));

        Assert.Equal(first, retried);
        Assert.Equal(StatusCode.AlreadyExists, reused.StatusCode);
        Assert.Equal(1000, (await silo.BalanceAsync(opened.SessionToken))[0].HeldTokens);
    }

    [Fact]
    public async Task A_dry_run_changes_nothing()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();

        ReserveTokensResponse answer =
            await silo.ReserveAsync(opened.SessionToken, "r1", change: request => request.DryRun = true);

        Assert.Equal(Decision.Allow, answer.Decision);
        Assert.Equal("", answer.Reservation.ReservationId);
        Assert.Equal(0, (await silo.BalanceAsync(opened.SessionToken))[0].HeldTokens);
    }

    [Fact]
    public async Task A_thousand_callers_at_once_get_exactly_what_is_left()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse[] sessions =
            await Task.WhenAll(Enumerable.Range(0, 20).Select(index => silo.OpenAsync($"open-{index}")));

        // A unit is left and each asks for a 300th of it.
        ReserveTokensResponse[] answers = await Task.WhenAll(Enumerable.Range(0, 1000).Select(index =>
            silo.ReserveAsync(sessions[index % sessions.Length].SessionToken, $"r-{index}", input: 3333)));

        Assert.Equal(300, answers.Count(answer => answer.Decision == Decision.Allow));
        Assert.All(
            answers.Where(answer => answer.Decision != Decision.Allow),
            answer => Assert.Equal(Reason.UseCaseBudget, answer.Denial.Reason));
        GrainBalance useCase =
            (await silo.BalanceAsync(sessions[0].SessionToken)).Single(grain => grain.Grain == Path[1]);
        Assert.Equal(300 * 3333, useCase.HeldTokens);
        Assert.Equal(300 * 3333_000, useCase.Held.Nanos);
    }

    [Fact]
    public async Task A_commit_names_the_tiers_it_crossed()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "r1", input: 600_000);

        CommitTokensResponse committed =
            await silo.CommitAsync(opened.SessionToken, "c1", reserved.Reservation.ReservationId, input: 600_000);

        TierCrossing crossed = Assert.Single(committed.TiersCrossed);
        Assert.Equal(("useCases/promo", 50), (crossed.Grain, crossed.AtPercent));
        Assert.Equal(["owner"], crossed.Notify);
    }

    [Fact]
    public async Task A_release_returns_the_hold_once()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        OpenSessionResponse opened = await silo.OpenAsync();
        ReserveTokensResponse reserved = await silo.ReserveAsync(opened.SessionToken, "r1");
        ReleaseTokensRequest release = new()
        {
            RequestId = "x1",
            ReservationId = reserved.Reservation.ReservationId,
            SessionToken = opened.SessionToken,
        };

        ReleaseTokensResponse released =
            await silo.CallAsync<ReleaseTokensRequest, ReleaseTokensResponse>("ReleaseTokens", release);
        RpcException second = await Assert.ThrowsAsync<RpcException>(() =>
            silo.CallAsync<ReleaseTokensRequest, ReleaseTokensResponse>(
                "ReleaseTokens", new ReleaseTokensRequest(release) { RequestId = "x2" }));

        Assert.Equal(1000, released.Released.Tokens);
        Assert.Equal(StatusCode.FailedPrecondition, second.StatusCode);
        Assert.Equal(0, (await silo.BalanceAsync(opened.SessionToken))[0].HeldTokens);
    }
}
