using System.Net;
using System.Text.Json.Nodes;

namespace AgentBudget.Silo.Tests;

/// <summary>Changes of a hold and costs that are not tokens, as a curl user sees them.</summary>
public sealed class CostTests
{
    [Fact]
    public async Task A_hold_is_amended_and_a_cost_recorded_and_reported_by_its_sku()
    {
        await using TestSilo silo = await TestSilo.StartAsync();
        const string skus = "\nskus:\n  - { id: sandbox.minute, unit: minute, cost: 0.004 }\n";
        await silo.ApplyAsync(Catalogs.Small + skus, "skus");
        string token = (await silo.OpenAsync()).SessionToken;
        string reservation = (await silo.ReserveAsync(token, "r1")).Reservation.ReservationId;

        (HttpStatusCode status, JsonNode amended) = await silo.PostAsync("AmendReservation", new JsonObject
        {
            ["requestId"] = "a1",
            ["sessionToken"] = token,
            ["reservationId"] = reservation,
            ["estimate"] = new JsonObject { ["inputTokens"] = "3000", ["maxOutputTokens"] = "0" },
        });
        (_, JsonNode recorded) = await silo.PostAsync("RecordCost", new JsonObject
        {
            ["requestId"] = "k1",
            ["sessionToken"] = token,
            ["sku"] = "sandbox.minute",
            ["quantity"] = 2.5,
        });
        (_, JsonNode unknown) = await silo.PostAsync("RecordCost", new JsonObject
        {
            ["requestId"] = "k2",
            ["sessionToken"] = token,
            ["sku"] = "gpu.hour",
        });
        (_, JsonNode report) = await silo.PostAsync(
            "GetChargeback", new JsonObject { ["groupBy"] = new JsonArray("sku") });

        Assert.Equal(HttpStatusCode.OK, status);
        Assert.Equal("DECISION_ALLOW", (string?)amended["decision"]);
        Assert.Equal(3_000_000, (int?)amended["reservation"]!["cost"]!["nanos"]);
        Assert.Equal(10_000_000, (int?)recorded["cost"]!["nanos"]);
        Assert.Equal("REASON_UNKNOWN_PRICE", (string?)unknown["denial"]!["reason"]);
        JsonNode row = report["rows"]!.AsArray().Single(one => (string?)one!["keys"]!["sku"] == "sandbox.minute")!;
        Assert.Equal((10_000_000, 2.5), ((int?)row["cost"]!["nanos"], (double?)row["quantity"]));
    }
}
